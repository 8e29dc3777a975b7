//! What a server of the process engine is given, and what it is not.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use hubgate_protocol::{ErrorCode, Phase, Response};

use crate::rig::{Plan, Rig};

#[test]
fn a_server_gets_its_environment_descriptors_and_home_and_nothing_else() {
    let rig = Rig::start();
    rig.run("alice");
    let seen = rig.look("alice");
    let env = seen["env"].as_object().unwrap();
    let mut names: Vec<&str> = env.keys().map(String::as_str).collect();
    names.retain(|name| *name != "LC_CTYPE"); // Python's own.
    let expected = [
        "HOME",
        "HUBGATE_BASE_URL",
        "HUBGATE_INSTANCE",
        "LANG",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LOGNAME",
        "NOTIFY_SOCKET",
        "PATH",
        "SHELL",
        "USER",
    ];
    assert_eq!(names, expected);
    assert_eq!(env["HUBGATE_BASE_URL"], "/jupyterhub");
    assert_eq!(seen["cwd"], rig.home("alice").to_str().unwrap());
    // The client of this question has the next free number.
    assert_eq!(seen["fds"], serde_json::json!([0, 1, 2, 3, 4]));
    assert_eq!(seen["umask"], 0o022);
    assert!(seen["files"].as_u64().unwrap() <= 1024);
}

#[test]
fn its_socket_is_for_nginx_alone_and_its_home_for_itself() {
    let rig = Rig::start();
    rig.run("alice");
    let seen = rig.look("alice");
    let socket = fs::metadata(rig.server_socket("alice")).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!((socket.mode() & 0o777, socket.gid()), (0o660, nix::unistd::getegid().as_raw()));
    assert_eq!(fs::metadata(rig.dir.join("s")).unwrap().mode() & 0o777, 0o750);
    let home = fs::metadata(rig.home("alice")).unwrap();
    assert_eq!(home.mode() & 0o777, 0o700);
    assert_eq!(seen["uid"], home.uid());
    if nix::unistd::geteuid().is_root() {
        assert_eq!((home.uid(), &seen["gids"]), (2_000_000, &serde_json::json!([])));
    }
}

#[test]
fn two_virtual_accounts_have_two_uids_where_the_daemon_is_root() {
    let rig = Rig::start();
    rig.run("alice");
    rig.run("bob");
    let differ = rig.look("alice")["uid"] != rig.look("bob")["uid"];
    assert_eq!(differ, nix::unistd::geteuid().is_root());
}

#[test]
fn a_home_that_is_a_link_of_somebody_starts_nothing() {
    let rig = Rig::start();
    fs::create_dir_all(rig.dir.join("homes")).unwrap();
    std::os::unix::fs::symlink("/etc", rig.dir.join("homes/eve")).unwrap();
    rig.done(r#"{"op":"start","user":"eve"}"#);
    let status = rig.wait_for("eve", Phase::Failed);
    assert_eq!(status.exit.unwrap().result, "resources");
}

#[test]
fn what_this_engine_cannot_do_is_said() {
    let rig = Rig::start();
    let unsupported = |json: &str| match rig.ask_json(json) {
        Response::Error { error, .. } => assert_eq!(error, ErrorCode::Unsupported, "{json}"),
        other => panic!("{other:?}"),
    };
    unsupported(r#"{"op":"set_limits","user":"alice","limits":{"cpu_weight":100}}"#);
    unsupported(r#"{"op":"authenticate","user":"alice","password":"x","rhost":"::1"}"#);
}

#[test]
fn where_a_ticket_is_needed_a_start_without_a_good_one_is_refused() {
    let rig = Plan::default().with("start_without_ticket = false").start();
    for ticket in ["", r#","ticket":"v1.9999999999.AAAA""#, r#","ticket":"""#] {
        let answer = rig.ask_json(&format!("{{\"op\":\"start\",\"user\":\"alice\"{ticket}}}"));
        assert!(matches!(answer, Response::Error { error: ErrorCode::Forbidden, .. }), "{answer:?}");
    }
    rig.assert_unharmed("refused starts");
    assert!(!rig.home("alice").exists());
}
