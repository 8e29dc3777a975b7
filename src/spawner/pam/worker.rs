//! The child process of one conversation: reads a question from descriptor 0, asks libpam, answers, ends.

use std::ffi::{CString, c_int};
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use hubgate_protocol::{LoginName, Purpose, frame};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use pam::ffi;
use zeroize::Zeroizing;

use super::Verdict;
use super::talker::Talker;
use super::verdict::Heard;
use super::words::{Question, Said, Task};
use crate::os::{PamHandle, PamQuestion};

/// Where `pam_nologin(8)` looks.
const NOLOGIN: [&str; 2] = ["/etc/nologin", "/var/run/nologin"];
/// How often a person may choose a new password that the host does not want, besides the modules' own tries.
const ROUNDS: u32 = 5;

/// The whole worker.
#[must_use]
pub fn run() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        // The daemon sees that no answer came; there is nobody else to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> Result<(), frame::FrameError> {
    confine()?;
    let mut stream = take_stdin()?;
    let body = Zeroizing::new(frame::read_body(&mut stream)?.unwrap_or_default());
    answer(&frame::decode::<Question>(&body)?, stream)
}

/// Does what `question` asks, in a process that is [`confine`]d; all that is said goes over `stream`.
///
/// # Errors
/// That of the socket; whoever asked has left.
pub fn answer(question: &Question, stream: UnixStream) -> Result<(), frame::FrameError> {
    let service = CString::new(question.service.as_str()).map_err(io::Error::from)?;
    let user = CString::new(question.user.as_str()).map_err(io::Error::from)?;
    let password = CString::new(question.password.expose()).map_err(io::Error::from)?;
    let rhost = CString::new(question.rhost.to_string()).map_err(io::Error::from)?;
    let mut last_words = stream.try_clone()?;
    let mut talker = Talker::new(stream, Zeroizing::new(password));
    talker.converse = question.converse;
    let asked = PamQuestion { service: &service, user: &user, rhost: &rhost };
    let verdict = match (PamHandle::start(&asked, talker), question.task) {
        (Ok(mut pam), Task::Login) => login(&mut pam, &question.user),
        (Ok(mut pam), Task::Change) => change(&mut pam, &question.user),
        (Err(_), _) => Verdict::Unavailable,
    };
    frame::write(&mut last_words, &Said::Verdict { verdict })
}

/// A password is in this process: no core dump, no debugger, and no life after the daemon's.
///
/// # Errors
/// The system call that failed.
pub fn confine() -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)?;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    // What a module's program leaves behind stays below this process, where the daemon finds it at the deadline.
    prctl::set_child_subreaper(true)?;
    Ok(())
}

/// The daemon's socket under another number, closed for programs that modules run; descriptor 0 becomes `/dev/null`,
/// where a module may read and write without a word reaching the daemon.
///
/// # Errors
/// The system call that failed.
pub fn take_stdin() -> io::Result<UnixStream> {
    let stream = UnixStream::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(stream)
}

fn login(pam: &mut PamHandle<Talker>, user: &LoginName) -> Verdict {
    let authenticate = pam.authenticate();
    let account = (authenticate == ffi::PAM_SUCCESS).then(|| pam.account());
    let verdict = verdict(pam, user, (authenticate, account));
    // Whoever is not proven is told nothing, except by the modules that ask for more.
    if matches!(verdict, Verdict::Accepted | Verdict::NoLogins | Verdict::NotPermitted) {
        pam.talker().tell_rest();
    }
    verdict
}

fn change(pam: &mut PamHandle<Talker>, user: &LoginName) -> Verdict {
    pam.talker().purpose = Purpose::NewPassword;
    for _ in 0..ROUNDS {
        pam.talker().begin();
        match pam.change_expired() {
            ffi::PAM_SUCCESS => {
                let account = pam.account();
                return match verdict(pam, user, (ffi::PAM_SUCCESS, Some(account))) {
                    // A host that wants it changed once more wants something that no person can give here.
                    Verdict::MustChange => Verdict::PasswordExpired,
                    verdict => verdict,
                };
            }
            // The host does not want this one: the modules said why, and the next prompt shows it.
            ffi::PAM_AUTHTOK_ERR | ffi::PAM_MAXTRIES | ffi::PAM_TRY_AGAIN if !pam.talker().gone() => {}
            ffi::PAM_SYSTEM_ERR | ffi::PAM_AUTHINFO_UNAVAIL | ffi::PAM_SERVICE_ERR => {
                return Verdict::Unavailable;
            }
            _ => break,
        }
    }
    Verdict::PasswordExpired
}

fn verdict(pam: &mut PamHandle<Talker>, user: &LoginName, codes: (c_int, Option<c_int>)) -> Verdict {
    let heard = Heard {
        authenticate: codes.0,
        account: codes.1,
        user: pam.user(),
        locked: pam.talker().locked(),
        closed: NOLOGIN.iter().any(|path| Path::new(path).exists()),
    };
    Verdict::of(&heard, user)
}
