//! A daemon of its own for each test, in a directory of its own.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use hubgate_protocol::{Phase, Request, Response, ServerStatus, frame};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The daemon's program.
pub const DAEMON: &str = env!("CARGO_BIN_EXE_hubgate-spawner");
/// Debian's own, whatever is first in PATH.
pub const PYTHON: &str = "/usr/bin/python3";
/// Nothing on a working machine takes longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Clients that the daemon serves at once.
const PLACES: usize = 1280;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A running daemon.
pub struct Rig {
    pub dir: PathBuf,
    pub daemon: Child,
    ended: bool,
}

/// How the daemon of a test differs from the usual one.
#[derive(Default)]
pub struct Plan {
    lines: Vec<String>,
    own_host: bool,
}

impl Plan {
    /// A line of `spawner.toml` before `[process]`; it replaces the usual one of that key.
    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Gives the daemon an `/etc` and a `/home` that nobody else has: `etc` and `home` in its directory. Only root can.
    pub fn on_its_own_host(mut self) -> Self {
        self.own_host = true;
        self
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub fn start(self) -> Rig {
        let dir = fresh_dir();
        write_config(&dir, &self.lines);
        if self.own_host {
            fs::create_dir(dir.join("home")).unwrap();
            let copied = Command::new("cp").args(["-a", "/etc"]).arg(&dir).status().unwrap();
            assert!(copied.success());
        }
        Self::start_in(dir, self.own_host)
    }

    /// Starts a daemon on the directory of another one that has ended.
    pub fn start_in(dir: PathBuf, own_host: bool) -> Rig {
        let manager = UnixDatagram::bind(dir.join("notify.sock")).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = if own_host { command_on_its_own_host(&dir) } else { command(&dir) };
        let daemon = command.env("NOTIFY_SOCKET", dir.join("notify.sock")).spawn().unwrap();
        let mut said = [0; 64];
        let len =
            manager.recv(&mut said).unwrap_or_else(|error| panic!("no READY=1: {error}\n{}", log_of(&dir)));
        assert_eq!(&said[..len], b"READY=1");
        Rig { dir, daemon, ended: false }
    }
}

/// A directory that a server of another uid can search.
pub fn fresh_dir() -> PathBuf {
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    let dir = std::env::temp_dir().join(format!("hg-spawner-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// `spawner.toml` of the process engine with virtual accounts, less the keys that `lines` set.
pub fn write_config(dir: &Path, lines: &[String]) {
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let usual = [
        "engine = \"process\"".to_owned(),
        "accounts = \"virtual\"".to_owned(),
        format!("gateway_user = {}", nix::unistd::geteuid()),
        format!("nginx_group = {}", nix::unistd::getegid()),
        format!("state_dir = \"{}/state\"", dir.display()),
        format!("socket_dir = \"{}/s\"", dir.display()),
        format!("listen = \"{}/spawner.sock\"", dir.display()),
        format!("services_file = \"{}/services.toml\"", dir.display()),
    ];
    let mut text: Vec<String> = usual
        .into_iter()
        .filter(|one| lines.iter().all(|line| key(line) != key(one)))
        .chain(lines.iter().cloned())
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/spawner/server.py");
    // A copy that every uid can read, wherever the checkout is.
    fs::copy(script, dir.join("server.py")).unwrap();
    fs::set_permissions(dir.join("server.py"), fs::Permissions::from_mode(0o644)).unwrap();
    text.push("[process]".to_owned());
    text.push(format!("command = [\"{PYTHON}\", \"{}/server.py\"]", dir.display()));
    text.push(format!("home_dir = \"{}/homes\"", dir.display()));
    let path = dir.join("spawner.toml");
    fs::write(&path, text.join("\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The daemon on the configuration of `dir`, with a log there.
pub fn command(dir: &Path) -> Command {
    let log = fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new(DAEMON);
    command.arg("--config").arg(dir.join("spawner.toml")).env("HUBGATE_LOG", "debug");
    command.env("SECRET_OF_THE_PARENT", "x").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}

/// The same, in a mount namespace of its own with the `etc` and `home` of `dir`.
fn command_on_its_own_host(dir: &Path) -> Command {
    const ENTER: &str = "mount --bind \"$1/etc\" /etc && mount --bind \"$1/home\" /home && exec \"$2\" --config \"$1/spawner.toml\"";
    let log = fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"]).arg(dir).arg(DAEMON);
    command.env("HUBGATE_LOG", "debug").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}

/// What a daemon logged.
pub fn log_of(dir: &Path) -> String {
    fs::read_to_string(dir.join("log")).unwrap_or_default()
}

/// Waits until `what` is there, with a deadline.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there and not a zombie.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

impl Rig {
    /// The usual daemon.
    pub fn start() -> Self {
        Plan::default().start()
    }

    pub fn pid(&self) -> u32 {
        self.daemon.id()
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("spawner.sock")
    }

    pub fn connect(&self) -> Client {
        Client::to(&self.socket())
    }

    /// Takes all places of the daemon with clients that say nothing.
    pub fn silent_crowd(&self) -> Vec<Client> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, most.min(16_384), most).unwrap();
        (0..PLACES).map(|_| self.connect()).collect()
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &Request) -> Response {
        self.connect().ask(request)
    }

    /// The same as JSON.
    pub fn ask_json(&self, json: &str) -> Response {
        self.ask(&serde_json::from_str(json).unwrap())
    }

    pub fn done(&self, json: &str) {
        assert_eq!(self.ask_json(json), Response::Done {}, "{json}\n{}", log_of(&self.dir));
    }

    pub fn status(&self, user: &str) -> ServerStatus {
        match self.ask_json(&format!("{{\"op\":\"status\",\"user\":\"{user}\"}}")) {
            Response::Status { status } => status,
            other => panic!("{other:?}"),
        }
    }

    pub fn wait_for(&self, user: &str, phase: Phase) -> ServerStatus {
        eventually(&format!("{user} {phase:?}"), || {
            Some(self.status(user)).filter(|status| status.phase == phase)
        })
    }

    /// Starts a server and waits until it is ready.
    pub fn run(&self, user: &str) -> ServerStatus {
        self.done(&format!("{{\"op\":\"start\",\"user\":\"{user}\"}}"));
        self.wait_for(user, Phase::Running)
    }

    pub fn server_socket(&self, instance: &str) -> PathBuf {
        self.dir.join("s").join(format!("{instance}.sock"))
    }

    /// What a server answers: what it is and sees.
    pub fn look(&self, instance: &str) -> serde_json::Value {
        let mut stream = UnixStream::connect(self.server_socket(instance)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    pub fn home(&self, user: &str) -> PathBuf {
        self.dir.join("homes").join(user)
    }

    /// Pids that a server wrote into a file of its home.
    pub fn pids(&self, user: &str, file: &str) -> Vec<u32> {
        let text = fs::read_to_string(self.home(user).join(file)).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// Waits for the daemon's end.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        let status = eventually("the end of the daemon", || self.daemon.try_wait().unwrap());
        self.ended = true;
        status
    }

    /// The daemon is the same, nothing runs, and it does good work.
    pub fn assert_unharmed(&self, after: &str) {
        let answer = self.ask_json("{\"op\":\"list\"}");
        assert_eq!(answer, Response::Servers { servers: vec![], more: false }, "after {after}");
        assert!(lives(self.pid()), "after {after}");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::SIGTERM);
            let _status = self.daemon.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", log_of(&self.dir));
        }
        let _gone = fs::remove_dir_all(&self.dir);
    }
}

/// A connection.
pub struct Client(pub UnixStream);

impl Client {
    pub fn to(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub fn ask(&mut self, request: &Request) -> Response {
        frame::write(&mut self.0, request).unwrap();
        self.hear().unwrap()
    }

    /// The next answer; `None` at the end.
    pub fn hear(&mut self) -> Option<Response> {
        // A close with unread bytes is told as a reset.
        let body = frame::read_body(&mut self.0).ok().flatten()?;
        Some(frame::decode(&body).unwrap())
    }

    pub fn send(&mut self, body: &[u8]) {
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        let _closed_before = self.0.write_all(&[&len, body].concat());
    }
}
