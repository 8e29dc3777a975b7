//! A daemon that a service manager starts: its socket comes as descriptor 3, and it goes when there is nothing to do.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hubgate_protocol::{AuthOutcome, ErrorCode, Phase, Refusal, Request, Response};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{Client, DAEMON, PYTHON, eventually, fresh_dir, lives, log_of, write_config};

/// Binds the socket, hands it over as systemd does, becomes the daemon.
const MANAGER: &str = r#"
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(128)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
# What a careless parent leaves open must not reach anybody.
os.dup2(os.open("/etc/passwd", os.O_RDONLY), 9)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"#;

fn start(dir: &Path) -> Child {
    let log = std::fs::File::create(dir.join("log")).unwrap();
    let mut command = Command::new(PYTHON);
    command
        .arg("-c")
        .arg(MANAGER)
        .arg(dir.join("spawner.sock"))
        .arg(DAEMON)
        .arg("--config")
        .arg(dir.join("spawner.toml"));
    command.env("HUBGATE_LOG", "debug").stdin(Stdio::null()).stderr(log).spawn().unwrap()
}

fn systemd_engine(dir: &Path, more: &[&str]) {
    let accounts =
        if more.iter().any(|line| line.starts_with("accounts")) { "" } else { "accounts = \"unix\"" };
    let usual = ["engine = \"systemd\"", accounts, "idle_exit_s = 1"];
    let lines: Vec<String> = usual.iter().chain(more).map(|line| (*line).to_owned()).collect();
    write_config(dir, &lines);
}

fn connect(dir: &Path) -> Client {
    let stream =
        eventually("the socket", || std::os::unix::net::UnixStream::connect(dir.join("spawner.sock")).ok());
    stream.set_read_timeout(Some(crate::rig::PATIENCE)).unwrap();
    Client(stream)
}

fn end_of(daemon: &mut Child, dir: &Path) -> Duration {
    let begin = Instant::now();
    let status = eventually("the end of the daemon", || daemon.try_wait().unwrap());
    assert!(status.success(), "{}", log_of(dir));
    assert!(dir.join("spawner.sock").exists(), "the socket is the service manager's");
    begin.elapsed()
}

#[test]
fn an_idle_daemon_ends_and_leaves_its_socket_to_the_manager() {
    let dir = fresh_dir();
    systemd_engine(&dir, &[]);
    let mut daemon = start(&dir);
    let answer =
        connect(&dir).ask(&serde_json::from_str::<Request>(r#"{"op":"account","user":"root"}"#).unwrap());
    assert!(matches!(answer, Response::Error { .. }), "{answer:?}");
    assert!(end_of(&mut daemon, &dir) < Duration::from_secs(20));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_client_keeps_it_alive() {
    let dir = fresh_dir();
    systemd_engine(&dir, &[]);
    let mut daemon = start(&dir);
    let _silent = connect(&dir);
    // The client is put out after five seconds; one second later the daemon goes.
    assert!(end_of(&mut daemon, &dir) > Duration::from_secs(4));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn password_guesses_outlive_the_daemon_however_it_ends() {
    let dir = fresh_dir();
    systemd_engine(&dir, &["pam_service = \"hubgate-no-such-service\""]);
    let ask = r#"{"op":"authenticate","user":"no-such-user","password":"x","rhost":"192.0.2.1"}"#;
    let refused = |client: &mut Client| match client.ask(&serde_json::from_str(ask).unwrap()) {
        Response::Authenticated { outcome: AuthOutcome::Refused { reason } } => reason,
        other => panic!("{other:?}"),
    };
    let mut daemon = start(&dir);
    let begin = Instant::now();
    assert_eq!(refused(&mut connect(&dir)), Refusal::BadCredentials {});
    assert!(begin.elapsed() >= Duration::from_millis(500), "a refusal takes its time");
    while refused(&mut connect(&dir)) == (Refusal::BadCredentials {}) {}
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    std::fs::remove_file(dir.join("spawner.sock")).unwrap();
    let mut next = start(&dir);
    let left = (0..3).filter(|_| refused(&mut connect(&dir)) == (Refusal::BadCredentials {})).count();
    assert!(left <= 1, "{left} guesses more");
    end_of(&mut next, &dir);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn guesses_are_bounded_and_every_worker_is_reaped() {
    let dir = fresh_dir();
    systemd_engine(&dir, &["pam_service = \"hubgate-no-such-service\""]);
    let mut daemon = start(&dir);
    let mut client = connect(&dir);
    let ask = r#"{"op":"authenticate","user":"no-such-user","password":"Xyzzy-secret","rhost":"192.0.2.1"}"#;
    let mut bad = 0;
    let wait = loop {
        match client.ask(&serde_json::from_str::<Request>(ask).unwrap()) {
            Response::Authenticated {
                outcome: AuthOutcome::Refused { reason: Refusal::BadCredentials {} },
            } => bad += 1,
            Response::Authenticated {
                outcome: AuthOutcome::Refused { reason: Refusal::Throttled { retry_after_s } },
            } => {
                break retry_after_s;
            }
            other => panic!("{other:?}"),
        }
    };
    assert!((10..=20).contains(&bad) && (1..=6).contains(&wait), "{bad} {wait}");
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", daemon.id())).unwrap_or_default();
    assert_eq!(children.trim(), "");
    let log = log_of(&dir);
    assert!(
        !log.contains("Xyzzy") && log.contains("audit op=authenticate result=throttled user=no-such-user"),
        "{log}"
    );
    assert!(lives(daemon.id()));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_login_under_way_gets_its_answer_from_a_daemon_that_ends() {
    let dir = fresh_dir();
    systemd_engine(&dir, &["pam_service = \"hubgate-no-such-service\""]);
    let mut daemon = start(&dir);
    let mut client = connect(&dir);
    client.send(br#"{"op":"authenticate","user":"no-such-user","password":"x","rhost":"192.0.2.1"}"#);
    // From here on the refusal waits for its half second.
    eventually("PAM's answer", || log_of(&dir).contains("audit op=authenticate").then_some(()));
    kill(Pid::from_raw(i32::try_from(daemon.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(matches!(client.hear(), Some(Response::Authenticated { .. })));
    end_of(&mut daemon, &dir);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_empty_password_is_refused_without_asking_pam() {
    let dir = fresh_dir();
    systemd_engine(&dir, &[]);
    let mut daemon = start(&dir);
    let ask = r#"{"op":"authenticate","user":"root","password":"","rhost":"::1"}"#;
    let answer = connect(&dir).ask(&serde_json::from_str::<Request>(ask).unwrap());
    let refused = AuthOutcome::Refused { reason: Refusal::BadCredentials {} };
    assert_eq!(answer, Response::Authenticated { outcome: refused });
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_engine_of_systemd_reads_a_state_or_says_that_there_is_no_systemd() {
    let dir = fresh_dir();
    systemd_engine(&dir, &["accounts = \"virtual\""]);
    let mut daemon = start(&dir);
    let ask = r#"{"op":"status","user":"hubgate-nobody"}"#;
    match connect(&dir).ask(&serde_json::from_str::<Request>(ask).unwrap()) {
        Response::Status { status } => assert_eq!(status.phase, Phase::Stopped),
        Response::Error { error, .. } => assert_eq!(error, ErrorCode::Engine),
        other => panic!("{other:?}"),
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
