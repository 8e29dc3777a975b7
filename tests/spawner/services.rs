//! Managed services under the process engine: root's file decides, they come back, they end with the daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hubgate_protocol::{ErrorCode, Response};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{PYTHON, Plan, Rig, eventually, lives, log_of};

const TOKEN: &str = "cafe0123cafe0123cafe0123cafe0123";

/// A daemon whose services file has `entries`; `DIR` in them is its directory.
fn rig(entries: &str) -> Rig {
    let rig = Plan::default().start();
    fs::create_dir(rig.dir.join("out")).unwrap();
    // A service has a uid of its own.
    fs::set_permissions(rig.dir.join("out"), fs::Permissions::from_mode(0o777)).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/spawner/service.py");
    fs::copy(script, rig.dir.join("service.py")).unwrap();
    fs::set_permissions(rig.dir.join("service.py"), fs::Permissions::from_mode(0o644)).unwrap();
    write(&rig, entries);
    rig
}

fn write(rig: &Rig, entries: &str) {
    let path = rig.dir.join("services.toml");
    fs::write(&path, entries.replace("DIR", rig.dir.to_str().unwrap()).replace("PYTHON", PYTHON)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
}

const WHOAMI: &str = r#"
[[services]]
name = "outside"
url = "http://127.0.0.1:9"

[[services]]
name = "whoami"
url = "http://127.0.0.1:9999"
command = ["PYTHON", "DIR/service.py", "a b", "%i $X"]
cwd = "DIR/out"
environment = { OUT = "DIR/out", MINE = "\"quoted\" $HOME" }
"#;

fn start(rig: &Rig, name: &str, token: &str) -> Response {
    rig.ask_json(&format!(r#"{{"op":"start_service","name":"{name}","token":"{token}"}}"#))
}

/// What the service wrote down at each of its starts so far, when there are `count` of them.
fn seen(rig: &Rig, count: usize) -> Vec<serde_json::Value> {
    eventually(&format!("start {count}"), || {
        let text = fs::read_to_string(rig.dir.join("out/whoami")).unwrap_or_default();
        let all: Vec<serde_json::Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        (all.len() == count).then_some(all)
    })
}

fn pid(seen: &[serde_json::Value]) -> u32 {
    u32::try_from(seen.last().unwrap()["pid"].as_u64().unwrap()).unwrap()
}

fn refused(rig: &Rig, name: &str) -> ErrorCode {
    match start(rig, name, TOKEN) {
        Response::Error { error, .. } => error,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_service_runs_what_roots_file_says_with_jupyterhubs_environment() {
    let rig = rig(WHOAMI);
    assert_eq!(start(&rig, "whoami", TOKEN), Response::Done {});
    let seen = &seen(&rig, 1)[0];
    assert_eq!(seen["argv"], serde_json::json!(["a b", "%i $X"]));
    assert_eq!(seen["cwd"], rig.dir.join("out").to_str().unwrap());
    for (name, value) in [
        ("JUPYTERHUB_SERVICE_NAME", "whoami"),
        ("JUPYTERHUB_API_TOKEN", TOKEN),
        ("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:9999"),
        ("JUPYTERHUB_SERVICE_PREFIX", "/jupyterhub/services/whoami/"),
        ("MINE", "\"quoted\" $HOME"),
    ] {
        assert_eq!(seen["env"][name], value, "{name}");
    }
    assert!(seen["env"].get("SECRET_OF_THE_PARENT").is_none() && seen["env"].get("LISTEN_FDS").is_none());
    if nix::unistd::geteuid().is_root() {
        assert_eq!((seen["uid"].as_u64(), &seen["gids"]), (Some(2_100_001), &serde_json::json!([])));
    }
    eventually("its output in the log", || {
        log_of(&rig.dir).contains("service whoami: \u{fffd}[1mup").then_some(())
    });
    assert!(!log_of(&rig.dir).contains(TOKEN));
}

#[test]
fn a_service_that_is_killed_comes_back_and_one_that_is_stopped_does_not() {
    let rig = rig(WHOAMI);
    assert_eq!(start(&rig, "whoami", TOKEN), Response::Done {});
    let first = pid(&seen(&rig, 1));
    assert_eq!(start(&rig, "whoami", TOKEN), Response::Done {});
    kill(Pid::from_raw(i32::try_from(first).unwrap()), Signal::SIGKILL).unwrap();
    let second = pid(&seen(&rig, 2));
    assert_ne!(first, second);
    rig.done(r#"{"op":"stop_service","name":"whoami"}"#);
    eventually("its end", || (!lives(second)).then_some(()));
    eventually("its last word", || log_of(&rig.dir).contains("service whoami is stopped").then_some(()));
    assert_eq!(seen(&rig, 2).len(), 2);
    assert_eq!(start(&rig, "whoami", TOKEN), Response::Done {});
    seen(&rig, 3);
}

#[test]
fn a_new_token_or_a_changed_file_starts_it_anew() {
    let rig = rig(WHOAMI);
    assert_eq!(start(&rig, "whoami", TOKEN), Response::Done {});
    let first = pid(&seen(&rig, 1));
    assert_eq!(start(&rig, "whoami", "another-token-0123"), Response::Done {});
    let all = seen(&rig, 2);
    assert!(!lives(first));
    assert_eq!(all[1]["env"]["JUPYTERHUB_API_TOKEN"], "another-token-0123");
    write(
        &rig,
        &WHOAMI
            .replace("\"a b\"", "\"c\"")
            .replace("url = \"http://127.0.0.1:9999\"", "api_token = \"roots-own-token\""),
    );
    assert_eq!(start(&rig, "whoami", "another-token-0123"), Response::Done {});
    let last = &seen(&rig, 3)[2];
    assert_eq!(
        (&last["argv"][0], &last["env"]["JUPYTERHUB_API_TOKEN"]),
        (&"c".into(), &"roots-own-token".into())
    );
}

#[test]
fn what_roots_file_does_not_name_is_refused() {
    let rig = rig(WHOAMI);
    assert_eq!(refused(&rig, "nosuch"), ErrorCode::NoService);
    assert_eq!(refused(&rig, "outside"), ErrorCode::NoService);
    rig.done(r#"{"op":"stop_service","name":"nosuch"}"#);
    write(&rig, &WHOAMI.replace("cwd", "user = \"nosuchaccount\"\ncwd"));
    assert_eq!(refused(&rig, "whoami"), ErrorCode::NoAccount);
    for broken in ["user = \"root\"\ncwd", "usr = \"x\"\ncwd", "cwd = 7\nname"] {
        write(&rig, &WHOAMI.replace("cwd", broken));
        assert_eq!(refused(&rig, "whoami"), ErrorCode::Engine, "{broken}");
    }
    fs::remove_file(rig.dir.join("services.toml")).unwrap();
    assert_eq!(refused(&rig, "whoami"), ErrorCode::NoService);
    rig.assert_unharmed("refused services");
}

#[test]
fn a_file_that_others_can_write_is_not_read() {
    let rig = rig(WHOAMI);
    for mode in [0o660, 0o602] {
        fs::set_permissions(rig.dir.join("services.toml"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(refused(&rig, "whoami"), ErrorCode::Engine);
    }
    assert!(log_of(&rig.dir).contains("can be written by others"));
}

#[test]
fn services_end_with_the_daemon_whether_it_is_asked_or_killed() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut rig = rig(WHOAMI);
        assert_eq!(start(&rig, "whoami", TOKEN), Response::Done {});
        let service = pid(&seen(&rig, 1));
        rig.signal(signal);
        rig.wait();
        eventually("its end", || (!lives(service)).then_some(()));
    }
}
