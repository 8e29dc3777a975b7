//! The child between fork and exec: becomes the user, takes its place, and turns into the server.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Pid, Uid, chdir, dup2_stdin, dup2_stdout, execve, getppid, initgroups, setgroups, setresgid,
    setresuid,
};

use super::plan::{Identity, Plan};
use crate::os::place_at_three;

/// systemd's own exit statuses of these failures, systemd.exec(5), so that both engines say the same.
const STATUS_CHDIR: i32 = 200;
const STATUS_EXEC: i32 = 203;
const STATUS_STDIN: i32 = 208;
const STATUS_USER: i32 = 217;
/// Open files that a server may have unless it asks for more: beyond it programs that use select(2) break.
const FILES: u64 = 1024;

/// Never comes back when all goes well; else the exit status. `keeper` is the parent.
pub(super) fn enter(plan: &Plan, listener: BorrowedFd<'_>, keeper: Pid) -> i32 {
    let Err((status, what, error)) = try_enter(plan, listener, keeper);
    // Descriptor 2 is the log.
    let _log_is_gone = writeln!(io::stderr(), "hubgate: {what}: {error}");
    status
}

type Failure = (i32, String, nix::Error);

fn try_enter(plan: &Plan, listener: BorrowedFd<'_>, keeper: Pid) -> Result<Infallible, Failure> {
    let at = |status, what: &str| {
        let what = what.to_owned();
        move |error| (status, what, error)
    };
    place(plan.socket.then_some(listener))
        .map_err(at(STATUS_STDIN, "the standard descriptors cannot be set up"))?;
    // A daemon that the kernel spares when memory ends must not make its users' servers so precious. Where it is not
    // allowed, there was nothing to give up.
    let _not_root = std::fs::write("/proc/self/oom_score_adj", "0");
    if let Some(identity) = &plan.identity {
        become_user(identity).map_err(at(STATUS_USER, "the user's identity cannot be taken"))?;
    }
    confine(keeper).map_err(at(STATUS_USER, "the server cannot be confined"))?;
    let no_home =
        format!("{}: the home cannot be entered (every directory above it must be searchable)", plan.home);
    chdir(plan.home.as_str()).map_err(at(STATUS_CHDIR, &no_home))?;
    let argv = texts(plan.command.iter().cloned())?;
    let program = argv.first().ok_or((STATUS_EXEC, "there is no command".to_owned(), nix::Error::EINVAL))?;
    let own_pid = format!("LISTEN_PID={}", Pid::this());
    let env = texts(plan.env.iter().map(|(name, value)| format!("{name}={value}")).chain([own_pid]))?;
    let cannot_run = format!("{}: cannot be run", program.to_string_lossy());
    execve(program, &argv, &env).map_err(at(STATUS_EXEC, &cannot_run))
}

/// 0 is nothing, 1 and 2 are the log, 3 is the socket.
fn place(listener: Option<BorrowedFd<'_>>) -> nix::Result<()> {
    listener.map_or(Ok(()), place_at_three)?;
    let null = File::open("/dev/null").map_err(|_| nix::Error::ENODEV)?;
    dup2_stdin(null)?;
    dup2_stdout(io::stderr())
}

fn become_user(identity: &Identity) -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    match &identity.groups_of {
        Some(name) => initgroups(&CString::new(name.as_str()).map_err(|_| nix::Error::EINVAL)?, gid)?,
        None => setgroups(&[])?,
    }
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    // From here on nothing must lead back.
    if uid.is_root() || setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        return Err(nix::Error::EPERM);
    }
    Ok(())
}

/// After the change of user, which would undo the death signal.
fn confine(keeper: Pid) -> nix::Result<()> {
    SigSet::empty().thread_set_mask()?;
    // What systemd sets too.
    umask(Mode::from_bits_truncate(0o022));
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most.min(FILES), most)?;
    prctl::set_no_new_privs()?;
    // A keeper that is killed takes the main process along.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid() == keeper { Ok(()) } else { Err(nix::Error::ESRCH) }
}

fn texts(all: impl Iterator<Item = String>) -> Result<Vec<CString>, Failure> {
    all.map(CString::new)
        .collect::<Result<_, _>>()
        .map_err(|_| (STATUS_EXEC, "command or environment hold a NUL byte".to_owned(), nix::Error::EINVAL))
}
