//! All unsafe code: libpam, `fork` in a process of one thread, and descriptors that arrive by number.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::os::fd::{AsFd, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::ptr;

use nix::libc;
use nix::unistd::{ForkResult, fork, setsid};
use pam::ffi;

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

/// What one PAM conversation led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PamAnswer {
    /// Return value of `pam_start` and `pam_set_item` if one failed, else of `pam_authenticate`.
    pub authenticate: c_int,
    /// Return value of `pam_acct_mgmt`; `None` when it was not reached.
    pub account: Option<c_int>,
    /// `PAM_USER` afterwards: a module may have changed it.
    pub user: Option<CString>,
}

/// What a conversation needs: texts without NUL.
pub struct PamQuestion<'a> {
    /// File in `/etc/pam.d`.
    pub service: &'a CStr,
    /// Who.
    pub user: &'a CStr,
    /// Password, never empty.
    pub password: &'a CStr,
    /// Client's address.
    pub rhost: &'a CStr,
}

struct Talk<'a> {
    password: &'a CStr,
    /// The password answers the first blind prompt. A second one asks for something else, such as a one-time code.
    given: bool,
}

/// Authenticates and checks the account.
///
/// The raw calls are used because `pam::start` of the safe layer hands libpam a pointer to a user name that is already
/// freed, and `pam::Client` neither takes flags nor items.
#[must_use]
pub fn pam_login(question: &PamQuestion<'_>) -> PamAnswer {
    let mut talk = Talk { password: question.password, given: false };
    let conversation = ffi::pam_conv { conv: Some(converse), appdata_ptr: ptr::from_mut(&mut talk).cast() };
    let mut handle = ptr::null_mut();
    let failed = |code| PamAnswer { authenticate: code, account: None, user: None };
    // SAFETY: all pointers are of live values with NUL at their end; libpam copies the texts and the two words of
    // `conversation`; `talk` outlives the handle, which ends in this function.
    let started = unsafe {
        ffi::pam_start(
            question.service.as_ptr(),
            question.user.as_ptr(),
            &raw const conversation,
            &raw mut handle,
        )
    };
    if started != ffi::PAM_SUCCESS {
        return failed(started);
    }
    let answer = set_items(handle, question).map_or_else(failed, |()| ask(handle));
    // SAFETY: the handle came from pam_start and is not used afterwards.
    let _ended = unsafe { ffi::pam_end(handle, answer.account.unwrap_or(answer.authenticate)) };
    answer
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

fn ask(handle: *mut ffi::pam_handle_t) -> PamAnswer {
    let flags = ffi::PAM_SILENT | ffi::PAM_DISALLOW_NULL_AUTHTOK;
    // SAFETY: the handle is live and used by this thread alone.
    let authenticate = unsafe { ffi::pam_authenticate(handle, flags) };
    // SAFETY: as above.
    let account = (authenticate == ffi::PAM_SUCCESS).then(|| unsafe { ffi::pam_acct_mgmt(handle, flags) });
    PamAnswer { authenticate, account, user: user_afterwards(handle) }
}

fn user_afterwards(handle: *mut ffi::pam_handle_t) -> Option<CString> {
    let mut item: *const c_void = ptr::null();
    // SAFETY: the handle is live; `item` is a place for one pointer.
    let got = unsafe { ffi::pam_get_item(handle, ffi::PAM_USER, &raw mut item) };
    if got != ffi::PAM_SUCCESS || item.is_null() {
        return None;
    }
    // SAFETY: PAM_USER is a text with NUL at its end that lives until the item is set again; it is copied at once.
    Some(unsafe { CStr::from_ptr(item.cast()) }.to_owned())
}

/// Stands in for libpam's own delay function, which would sleep for seconds in the worker.
extern "C" fn no_delay(_code: c_int, _micros: c_uint, _data: *mut c_void) {}

/// The conversation function, pam_conv(3): one answer a message, in memory that libpam frees.
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const ffi::pam_message,
    answers: *mut *mut ffi::pam_response,
    data: *mut c_void,
) -> c_int {
    let many = usize::try_from(count).unwrap_or(0);
    if !(1..=32).contains(&many) || messages.is_null() || answers.is_null() || data.is_null() {
        return ffi::PAM_CONV_ERR;
    }
    // SAFETY: `data` is the pointer to `Talk` given to pam_start, alive and used by nobody else during the call.
    let talk = unsafe { &mut *data.cast::<Talk<'_>>() };
    // SAFETY: calloc of a checked size; null is looked at next. Zeroed, it is a row of empty answers.
    let row = unsafe { libc::calloc(many, size_of::<ffi::pam_response>()) }.cast::<ffi::pam_response>();
    if row.is_null() {
        return ffi::PAM_BUF_ERR;
    }
    for at in 0..many {
        // SAFETY: Linux-PAM passes a row of `count` pointers to messages; `at` is below it.
        let style = unsafe { (**messages.add(at)).msg_style };
        match reply(talk, style) {
            // SAFETY: `row` has `many` entries; `at` is below it.
            Ok(text) => unsafe { (*row.add(at)).resp = text },
            Err(code) => {
                // SAFETY: the row and the texts so far came from calloc and strdup.
                unsafe { free_row(row, many) };
                return code;
            }
        }
    }
    // SAFETY: `answers` is libpam's place for the row, which it frees from now on.
    unsafe { *answers = row };
    ffi::PAM_SUCCESS
}

/// The answer to one message: null where none is wanted.
fn reply(talk: &mut Talk<'_>, style: c_int) -> Result<*mut c_char, c_int> {
    match style {
        ffi::PAM_TEXT_INFO | ffi::PAM_ERROR_MSG => Ok(ptr::null_mut()),
        ffi::PAM_PROMPT_ECHO_OFF if !talk.given => {
            talk.given = true;
            // SAFETY: strdup of a text with NUL at its end.
            let copy = unsafe { libc::strdup(talk.password.as_ptr()) };
            if copy.is_null() { Err(ffi::PAM_BUF_ERR) } else { Ok(copy) }
        }
        _ => Err(ffi::PAM_CONV_ERR),
    }
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
