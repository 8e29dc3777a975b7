//! The child process of one login: reads a question from descriptor 0, asks libpam, answers, ends.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use hubgate_protocol::{Username, frame};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use zeroize::Zeroizing;

use super::{Answer, Question, Verdict};
use crate::os::{PamQuestion, pam_login};

/// The whole worker.
#[must_use]
pub fn run() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        // The daemon sees that no answer came; there is nobody else to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> Result<(), frame::FrameError> {
    confine()?;
    let mut stream = take_stdin()?;
    let body = Zeroizing::new(frame::read_body(&mut stream)?.unwrap_or_default());
    let question = frame::decode::<Question>(&body)?;
    let verdict = ask(&question)?;
    stream.write_all(&frame::encode(&Answer { verdict })?)?;
    Ok(())
}

/// A password is in this process: no core dump, no debugger, and no life after the daemon's.
fn confine() -> io::Result<()> {
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
fn take_stdin() -> io::Result<UnixStream> {
    let stream = UnixStream::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(stream)
}

fn ask(question: &Question) -> io::Result<Verdict> {
    let service = CString::new(question.service.as_str())?;
    let user = CString::new(Username::as_str(&question.user))?;
    let password = Zeroizing::new(CString::new(question.password.expose())?);
    let rhost = CString::new(question.rhost.to_string())?;
    let asked = PamQuestion { service: &service, user: &user, password: &password, rhost: &rhost };
    Ok(Verdict::of(&pam_login(&asked), &question.user))
}
