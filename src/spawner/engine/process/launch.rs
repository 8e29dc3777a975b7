//! Starting a server: its identity, its environment, its keeper.

use std::io;
use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hubgate_protocol::{ServerId, frame};
use nix::unistd::geteuid;

use super::home::Homes;
use super::keeper::KEEPER;
use super::notify::Notify;
use super::plan::{Event, Identity, Plan};
use super::socket::ServerSocket;
use crate::config::Process;
use crate::connection::Deadline;
use crate::engine::Run;
use crate::hub::Environment;
use crate::policy::LoginAccount;

/// A keeper that does not answer within this is ill.
const KEEPER_TIME: Duration = Duration::from_secs(10);

/// What is alike for all servers.
#[derive(Debug)]
pub struct Launcher {
    settings: Process,
    homes: Homes,
}

/// A process with its keeper.
#[derive(Debug)]
pub struct Kept {
    /// The keeper.
    pub keeper: Child,
    /// The socket to it.
    pub control: UnixStream,
    /// Pid of the main process.
    pub main: i32,
    /// What it writes.
    pub log: PipeReader,
}

/// A server that was started.
#[derive(Debug)]
pub struct Launched {
    /// Its process.
    pub kept: Kept,
    /// Where it says that it is ready.
    pub notify: Notify,
}

struct Place {
    /// What the host calls the account; a virtual one is called as its user is.
    name: String,
    identity: Option<Identity>,
    home: PathBuf,
    shell: PathBuf,
}

impl Launcher {
    /// With root's settings.
    #[must_use]
    pub fn new(settings: &Process) -> Self {
        Self { settings: settings.clone(), homes: Homes::new(&settings.home_dir, settings.uid_base) }
    }

    /// Starts a server. It must be called by a thread of the daemon, which gets an answer within [`KEEPER_TIME`].
    ///
    /// # Errors
    /// A sentence with the place.
    pub fn launch(&self, server: &ServerId, run: &Run, socket: &ServerSocket) -> io::Result<Launched> {
        let place = self.place(&run.account)?;
        let notify = Notify::bind()?;
        let mut env = self.env(server, &place, notify.address());
        env.extend(&run.env);
        let plan = Plan {
            command: self.settings.command.clone(),
            env: owned(&env),
            home: utf8(&place.home)?,
            identity: place.identity,
            socket: true,
        };
        let kept = keep(&plan, Stdio::from(OwnedFd::from(socket.listener().try_clone()?)))?;
        Ok(Launched { kept, notify })
    }

    fn place(&self, account: &LoginAccount) -> io::Result<Place> {
        let me = geteuid();
        let Some(host) = account.host() else {
            let home = self.homes.of(account.user())?;
            let identity = me.is_root().then_some(Identity { uid: home.uid, gid: home.uid, groups_of: None });
            let name = account.user().to_string();
            return Ok(Place { name, identity, home: home.path, shell: PathBuf::from("/bin/bash") });
        };
        if !me.is_root() && host.uid != me.as_raw() {
            let text =
                format!("only root can start servers of other accounts, and this daemon runs as uid {me}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let name = host.name.to_string();
        let groups_of = Some(name.clone());
        let identity = me.is_root().then_some(Identity { uid: host.uid, gid: host.gid, groups_of });
        Ok(Place { name, identity, home: host.home.clone(), shell: host.shell().to_owned() })
    }

    /// The contract between engines and servers; `LISTEN_PID` is added by the process that bears the number.
    fn env(&self, server: &ServerId, place: &Place, notify: &str) -> Environment {
        let mut env = Environment::default();
        let user = place.name.as_str();
        let (home, shell) = (place.home.to_string_lossy(), place.shell.to_string_lossy());
        for (name, value) in [
            ("PATH", self.settings.path.as_str()),
            ("HOME", home.as_ref()),
            ("SHELL", shell.as_ref()),
            ("USER", user),
            ("LOGNAME", user),
            ("LANG", "C.UTF-8"),
            ("LISTEN_FDS", "1"),
            ("NOTIFY_SOCKET", notify),
            ("HUBGATE_INSTANCE", &server.to_string()),
            ("HUBGATE_BASE_URL", self.settings.base_url.as_str()),
        ] {
            env.set(name, value);
        }
        env
    }
}

/// The form that a plan has.
pub(super) fn owned(env: &Environment) -> Vec<(String, String)> {
    env.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Starts what `plan` says under a keeper, which gets `socket` as its descriptor 1.
pub(super) fn keep(plan: &Plan, socket: Stdio) -> io::Result<Kept> {
    let (control, theirs) = UnixStream::pair()?;
    let (log, log_end) = io::pipe()?;
    let mut keeper = Command::new("/proc/self/exe")
        .arg0("hubgate-spawner")
        .arg(KEEPER)
        .env_clear()
        .current_dir("/")
        // Ctrl-C in the daemon's terminal is for the daemon, which stops its servers one after the other.
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(socket)
        .stderr(Stdio::from(OwnedFd::from(log_end)))
        .spawn()?;
    match begin(&control, plan) {
        Ok(main) => Ok(Kept { keeper, control, main, log }),
        Err(error) => {
            drop(control);
            // Its socket is closed: it ends what it may have started, and then itself.
            let _status = keeper.wait();
            Err(error)
        }
    }
}

fn begin(control: &UnixStream, plan: &Plan) -> io::Result<i32> {
    let mut stream = Deadline::new(control, Instant::now() + KEEPER_TIME);
    frame::write(&mut stream, plan).map_err(io::Error::other)?;
    let body = frame::read_body(&mut stream).map_err(io::Error::other)?;
    match body.as_deref().map(frame::decode::<Event>) {
        Some(Ok(Event::Started { pid })) => Ok(pid),
        _ => Err(io::Error::other("the keeper ended before it started the server")),
    }
}

pub(super) fn utf8(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| io::Error::other("the home directory's name is not UTF-8"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_gets_the_contract_and_nothing_of_the_daemons_environment() {
        let launcher = Launcher::new(&Process::default());
        let place = Place {
            name: "alice".to_owned(),
            identity: None,
            home: "/home/alice".into(),
            shell: "/bin/zsh".into(),
        };
        let env = launcher.env(&"alice:gpu".parse().unwrap(), &place, "@n");
        let get = |name: &str| env.pairs().find(|(key, _)| *key == name).map(|(_, value)| value);
        assert_eq!(get("HUBGATE_INSTANCE"), Some("alice:gpu"));
        assert_eq!(get("HUBGATE_BASE_URL"), Some("/jupyterhub"));
        assert_eq!(
            (get("HOME"), get("USER"), get("SHELL")),
            (Some("/home/alice"), Some("alice"), Some("/bin/zsh"))
        );
        assert_eq!(
            (get("LISTEN_FDS"), get("LISTEN_PID"), get("NOTIFY_SOCKET")),
            (Some("1"), None, Some("@n"))
        );
        assert_eq!(env.pairs().count(), 10);
    }
}
