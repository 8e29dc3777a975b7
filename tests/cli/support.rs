//! An instance of its own for each test, and the program to work on it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hubgate::domain::account::Account;
use hubgate::store::{Store, accounts, users};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_hubgate");

/// What a run of the program did.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// What it printed, if it went well.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.out
    }

    /// What it said on stderr, if it failed in the orderly way.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!((self.status, self.out.as_str()), (1, ""), "{self:?}");
        assert!(!self.err.contains("panicked"), "{}", self.err);
        assert!(self.err.lines().all(|line| line.starts_with("hubgate: ")), "{}", self.err);
        self.err
    }
}

/// The program with a clean environment.
pub fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_remove("HUBGATE_CONFIG").env_remove("HUBGATE_LOG").env_remove("JOURNAL_STREAM");
    command
}

/// Runs a command with this on its standard input.
pub fn run_with(command: &mut Command, input: &[u8]) -> Run {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses early does not read, and the pipe breaks.
    let _unread = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A configuration and a state directory.
pub struct Instance {
    pub dir: tempfile::TempDir,
    pub config: PathBuf,
}

impl Instance {
    /// With the file authenticator.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let instance = Self { config: dir.path().join("hubgate.toml"), dir };
        instance.configure("");
        instance
    }

    /// Writes the configuration: the usual keys, and these.
    pub fn configure(&self, more: &str) {
        let usual = format!(
            "state_dir = \"{0}/state\"\nlisten = \"{0}/gateway.sock\"\nspawner_socket = \"{0}/spawner.sock\"\n\
             socket_dir = \"{0}\"\nlisten_group = {1}\nauthenticator = \"file\"\nwatch = \"spawner\"\n",
            self.dir.path().display(),
            nix::unistd::getegid(),
        );
        write(&self.config, (usual + more).as_bytes(), 0o640);
    }

    /// The directory of the database.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The database.
    pub fn store(&self) -> Store {
        Store::open(&self.state().join("hubgate.sqlite")).unwrap()
    }

    /// The account of that name is not the one that the user had.
    pub fn estrange(&self, name: &str) {
        let seen = Account { uid: Some(1001), ..Account::default() };
        self.store()
            .write(|c| {
                let id = users::id_of(c, &name.parse().unwrap())?;
                accounts::see(c, id, &seen)?;
                accounts::estrange(c, id)
            })
            .unwrap();
    }

    /// The program, about to work on this instance.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.env("HUBGATE_CONFIG", &self.config).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        run_with(&mut self.command(arguments), input)
    }

    /// Adds a user.
    pub fn add(&self, name: &str) {
        self.run_with(&["user", "add", name, "--password-stdin"], b"a long password\n").done();
    }

    /// Names of all users.
    pub fn users(&self) -> Vec<String> {
        let list = self.run(&["user", "list"]).done();
        list.lines().skip(1).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
    }

    /// Puts a CSV file beside the configuration.
    pub fn csv(&self, bytes: &[u8]) -> String {
        let path = self.dir.path().join("users.csv");
        write(&path, bytes, 0o600);
        path.to_str().unwrap().to_owned()
    }
}

/// Writes a file with this mode.
pub fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Asks until it is so, at most this long.
#[track_caller]
pub fn until(what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !so() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that ends with its test.
pub struct Background(pub Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}
