//! All unsafe code: libpam, `fork` in a process of one thread, and descriptors that arrive by number.

use std::ffi::{CStr, CString, c_int, c_uint, c_void};
use std::os::fd::{AsFd, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::ptr;

use nix::libc;
use nix::unistd::{ForkResult, fork, setsid};
use pam::ffi;
use zeroize::Zeroizing;

/// Takes the descriptor `number` that this process was started with.
///
/// # Errors
/// `EBADF` when it is not open.
pub fn adopt(number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: F_GETFD only reads a flag of the descriptor, and answers EBADF when it is not open.
    let open = unsafe { libc::fcntl(number, libc::F_GETFD) };
    nix::errno::Errno::result(open)?;
    // SAFETY: the number is open, and was given to this process by its parent for this one use: the callers take 3 from
    // LISTEN_FDS once, while `main` has made no descriptor of its own that could bear that number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Makes `fd` descriptor number 3, where `LISTEN_FDS` promises it, open across `exec`.
///
/// # Errors
/// Those of `dup2(2)`.
pub fn place_at_three(fd: impl AsFd) -> nix::Result<()> {
    const LISTEN_FDS_START: RawFd = 3;
    // SAFETY: called between fork and exec in a process of one thread: whatever had number 3 is not used any more, and its
    // owner is never dropped, because this process ends by `exec` or `exit`.
    let placed = unsafe { nix::unistd::dup2_raw(fd, LISTEN_FDS_START) }?;
    let _stays_open = placed.into_raw_fd();
    Ok(())
}

/// Marks every descriptor above the standard three to be closed by `exec`: what a careless parent left open must not
/// reach a PAM module or a user's server.
///
/// # Errors
/// `ENOSYS` before Linux 5.9, `EINVAL` before 5.11.
pub fn close_all_on_exec() -> nix::Result<()> {
    let (first, last, flags): (c_uint, c_uint, c_uint) = (3, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: the call takes three integers and changes a flag only.
    nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }).map(drop)
}

/// Forks a process that has one thread; `None` in the child, which is the leader of a session of its own.
///
/// # Errors
/// `EPERM` when there is more than one thread, else those of `fork(2)`.
pub fn fork_alone() -> nix::Result<Option<nix::unistd::Pid>> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    if threads != 1 {
        return Err(nix::Error::EPERM);
    }
    // SAFETY: with one thread no lock can be held by a thread that the child lacks.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => setsid().map(|_| None),
    }
}

/// The entry of an account in the host's shadow database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// First byte of the password's field; `None` where that is empty.
    pub mark: Option<u8>,
    /// Day of the last change of the password.
    pub changed: i64,
    /// Days after which the password must be changed; negative for never.
    pub most: i64,
    /// Days from then on in which it still can be; negative for any number.
    pub grace: i64,
    /// First day on which the account is none any more; negative for never.
    pub expire: i64,
}

/// Reads the shadow entry of `name`; `None` where there is none that this process may read.
///
/// # Errors
/// That of `getspnam_r(3)` where the database failed, and `ERANGE` for an entry of more than 64 KiB.
pub fn shadow(name: &CStr) -> nix::Result<Option<Shadow>> {
    const SIZES: [usize; 2] = [4 * 1024, 64 * 1024];
    let mut code = libc::ERANGE;
    for size in SIZES {
        let mut text = Zeroizing::new(vec![0_u8; size]);
        let mut entry = std::mem::MaybeUninit::<libc::spwd>::zeroed();
        let mut found = ptr::null_mut();
        // SAFETY: all pointers are of live values of the sizes that are told; `name` has a NUL at its end.
        code = unsafe {
            libc::getspnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                text.as_mut_ptr().cast(),
                text.len(),
                &raw mut found,
            )
        };
        if code == 0 && !found.is_null() {
            // SAFETY: libc says that it has filled the entry, whose texts are in `text`, which lives.
            let entry = unsafe { entry.assume_init() };
            // SAFETY: as above; an absent password is null or an empty text.
            let mark = (!entry.sp_pwdp.is_null()).then(|| unsafe { *entry.sp_pwdp.cast::<u8>() });
            return Ok(Some(Shadow {
                mark: mark.filter(|byte| *byte != 0),
                changed: entry.sp_lstchg,
                most: entry.sp_max,
                grace: entry.sp_inact,
                expire: entry.sp_expire,
            }));
        }
        if code != libc::ERANGE {
            break;
        }
    }
    match code {
        0 | libc::ENOENT | libc::ESRCH | libc::EACCES => Ok(None),
        code => Err(nix::Error::from_raw(code)),
    }
}

/// One message of a PAM module, pam_conv(3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PamMessage {
    /// `PAM_PROMPT_ECHO_OFF`, `PAM_PROMPT_ECHO_ON`, `PAM_ERROR_MSG`, `PAM_TEXT_INFO`, or something this program does not know.
    pub style: c_int,
    /// The module's words, as it wrote them.
    pub text: String,
}

/// An answer for each message; `None` where none is wanted.
pub type PamAnswers = Vec<Option<Zeroizing<CString>>>;

/// Who hears what PAM modules say.
pub trait PamTalk {
    /// Answers all of `messages`.
    ///
    /// # Errors
    /// The PAM code with which the module's question fails.
    fn talk(&mut self, messages: Vec<PamMessage>) -> Result<PamAnswers, c_int>;
}

/// Whom a transaction is about: texts without NUL.
pub struct PamQuestion<'a> {
    /// File in `/etc/pam.d`.
    pub service: &'a CStr,
    /// Who.
    pub user: &'a CStr,
    /// Client's address.
    pub rhost: &'a CStr,
}

/// A PAM transaction.
///
/// The raw calls are used because `pam::start` of the safe layer hands libpam a pointer to a user name that is already
/// freed, and `pam::Client` neither takes flags nor items.
pub struct PamHandle<T: PamTalk> {
    handle: *mut ffi::pam_handle_t,
    /// From `Box::into_raw`: libpam holds the same pointer.
    talk: *mut T,
    last: c_int,
}

impl<T: PamTalk> PamHandle<T> {
    /// Begins one.
    ///
    /// # Errors
    /// Return value of `pam_start` or `pam_set_item`.
    pub fn start(question: &PamQuestion<'_>, talk: T) -> Result<Self, c_int> {
        let talk = Box::into_raw(Box::new(talk));
        let conversation = ffi::pam_conv { conv: Some(converse::<T>), appdata_ptr: talk.cast() };
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers are of live values with NUL at their end; libpam copies the texts and the two words of
        // `conversation`; `talk` outlives the handle, see `drop`.
        let started = unsafe {
            ffi::pam_start(
                question.service.as_ptr(),
                question.user.as_ptr(),
                &raw const conversation,
                &raw mut handle,
            )
        };
        if started != ffi::PAM_SUCCESS {
            // SAFETY: from Box::into_raw above; libpam has no transaction that would use it.
            drop(unsafe { Box::from_raw(talk) });
            return Err(started);
        }
        let transaction = Self { handle, talk, last: started };
        set_items(handle, question).map(|()| transaction)
    }

    /// `pam_authenticate(3)`; an empty password is refused.
    pub fn authenticate(&mut self) -> c_int {
        // SAFETY: the handle is live and used by this thread alone; that holds for the calls below, too.
        self.last = unsafe { ffi::pam_authenticate(self.handle, ffi::PAM_DISALLOW_NULL_AUTHTOK) };
        self.last
    }

    /// `pam_acct_mgmt(3)`.
    pub fn account(&mut self) -> c_int {
        // SAFETY: see `authenticate`.
        self.last = unsafe { ffi::pam_acct_mgmt(self.handle, ffi::PAM_DISALLOW_NULL_AUTHTOK) };
        self.last
    }

    /// `pam_chauthtok(3)` of a password that has expired, which asks for the old one.
    pub fn change_expired(&mut self) -> c_int {
        // SAFETY: see `authenticate`.
        self.last = unsafe { ffi::pam_chauthtok(self.handle, ffi::PAM_CHANGE_EXPIRED_AUTHTOK) };
        self.last
    }

    /// `PAM_USER` as it is now: a module may have changed it.
    #[must_use]
    pub fn user(&self) -> Option<CString> {
        let mut item: *const c_void = ptr::null();
        // SAFETY: the handle is live; `item` is a place for one pointer.
        let got = unsafe { ffi::pam_get_item(self.handle, ffi::PAM_USER, &raw mut item) };
        if got != ffi::PAM_SUCCESS || item.is_null() {
            return None;
        }
        // SAFETY: PAM_USER is a text with NUL at its end that lives until the item is set again; it is copied at once.
        Some(unsafe { CStr::from_ptr(item.cast()) }.to_owned())
    }

    /// Who hears the modules.
    pub fn talker(&mut self) -> &mut T {
        // SAFETY: from Box::into_raw, freed in `drop` alone; libpam uses it inside its calls only, all of which borrow `self`.
        unsafe { &mut *self.talk }
    }
}

impl<T: PamTalk> Drop for PamHandle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle came from pam_start and is not used afterwards.
        let _ended = unsafe { ffi::pam_end(self.handle, self.last) };
        // SAFETY: from Box::into_raw, freed once; the only other holder of the pointer was the handle.
        drop(unsafe { Box::from_raw(self.talk) });
    }
}

fn set_items(handle: *mut ffi::pam_handle_t, question: &PamQuestion<'_>) -> Result<(), c_int> {
    let delay: extern "C" fn(c_int, c_uint, *mut c_void) = no_delay;
    // pam_set_item(3) asks for the function itself in the place of a pointer to data.
    #[expect(clippy::as_conversions, reason = "a function becomes a data pointer by a cast only")]
    let delay = delay as *const c_void;
    for (item, value) in [(ffi::PAM_RHOST, question.rhost.as_ptr().cast()), (ffi::PAM_FAIL_DELAY, delay)] {
        // SAFETY: the handle is live; libpam copies the text of PAM_RHOST.
        let set = unsafe { ffi::pam_set_item(handle, item, value) };
        if set != ffi::PAM_SUCCESS {
            return Err(set);
        }
    }
    Ok(())
}

/// Stands in for libpam's own delay function, which would sleep for seconds in the worker.
extern "C" fn no_delay(_code: c_int, _micros: c_uint, _data: *mut c_void) {}

/// The conversation function, pam_conv(3): one answer a message, in memory that libpam frees.
unsafe extern "C" fn converse<T: PamTalk>(
    count: c_int,
    messages: *mut *const ffi::pam_message,
    answers: *mut *mut ffi::pam_response,
    data: *mut c_void,
) -> c_int {
    let many = usize::try_from(count).unwrap_or(0);
    if !(1..=32).contains(&many) || messages.is_null() || answers.is_null() || data.is_null() {
        return ffi::PAM_CONV_ERR;
    }
    // SAFETY: `data` is the pointer to the `T` given to pam_start, alive and used by nobody else during the call.
    let talk = unsafe { &mut *data.cast::<T>() };
    // SAFETY: Linux-PAM passes a row of `count` pointers to messages; every index is below it.
    let heard = (0..many).map(|at| unsafe { message(*messages.add(at)) }).collect();
    let texts = match talk.talk(heard) {
        Ok(texts) if texts.len() == many => texts,
        Ok(_) => return ffi::PAM_CONV_ERR,
        Err(code) => return code,
    };
    // SAFETY: calloc of a checked size; null is looked at next. Zeroed, it is a row of empty answers.
    let row = unsafe { libc::calloc(many, size_of::<ffi::pam_response>()) }.cast::<ffi::pam_response>();
    if row.is_null() {
        return ffi::PAM_BUF_ERR;
    }
    for (at, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        // SAFETY: strdup of a text with NUL at its end.
        let copy = unsafe { libc::strdup(text.as_ptr()) };
        if copy.is_null() {
            // SAFETY: the row and the texts so far came from calloc and strdup.
            unsafe { free_row(row, many) };
            return ffi::PAM_BUF_ERR;
        }
        // SAFETY: `row` has `many` entries; `at` is below it.
        unsafe { (*row.add(at)).resp = copy };
    }
    // SAFETY: `answers` is libpam's place for the row, which it frees from now on.
    unsafe { *answers = row };
    ffi::PAM_SUCCESS
}

/// Copies a message.
///
/// # Safety
/// `raw` is null or a message whose text is null or has a NUL at its end.
unsafe fn message(raw: *const ffi::pam_message) -> PamMessage {
    if raw.is_null() {
        return PamMessage { style: 0, text: String::new() };
    }
    // SAFETY: not null; the caller promises that it is a message.
    let (style, text) = unsafe { ((*raw).msg_style, (*raw).msg) };
    // SAFETY: not null; the caller promises the NUL.
    let text = if text.is_null() { "".into() } else { unsafe { CStr::from_ptr(text) }.to_string_lossy() };
    PamMessage { style, text: text.into_owned() }
}

/// Wipes and frees a row of answers.
///
/// # Safety
/// `row` has `many` entries from calloc, whose texts are null or from strdup.
unsafe fn free_row(row: *mut ffi::pam_response, many: usize) {
    for at in 0..many {
        // SAFETY: `at` is below `many`.
        let text = unsafe { (*row.add(at)).resp };
        if !text.is_null() {
            // SAFETY: a text from strdup: writable, NUL at its end, freed once. explicit_bzero is not optimised away.
            unsafe {
                libc::explicit_bzero(text.cast(), libc::strlen(text));
                libc::free(text.cast());
            }
        }
    }
    // SAFETY: from calloc, freed once.
    unsafe { libc::free(row.cast()) };
}
