//! The life of a server: start, first byte, stop, and every way to fail.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use hubgate_protocol::{Exit, Phase, Response};

use crate::rig::{Plan, Rig, eventually, lives};
use crate::watch::{until, watch};

fn exit(result: &str, status: i32) -> Option<Exit> {
    Some(Exit { result: result.to_owned(), status })
}

#[test]
fn a_server_starts_answers_and_stops_without_a_trace() {
    let rig = Rig::start();
    assert_eq!(rig.status("alice").phase, Phase::Stopped);
    let status = rig.run("alice");
    let pid = status.pid.unwrap();
    assert!(status.status_text.starts_with("hubgate kernels=0"), "{status:?}");
    assert!(status.since_ms > 1_700_000_000_000);
    assert_eq!(rig.look("alice")["pid"], pid);
    rig.done(r#"{"op":"stop","user":"alice"}"#);
    rig.wait_for("alice", Phase::Stopped);
    assert!(!lives(pid));
    assert!(!rig.server_socket("alice").exists());
    rig.assert_unharmed("a stop");
}

#[test]
fn the_first_byte_starts_a_server_that_ended_well() {
    let rig = Rig::start();
    let first = rig.run("alice").pid.unwrap();
    let mut stream = UnixStream::connect(rig.server_socket("alice")).unwrap();
    stream.write_all(b"POST /exit HTTP/1.0\r\n\r\n").unwrap();
    let status = rig.wait_for("alice", Phase::Listening);
    assert_eq!((status.pid, status.exit), (None, None));
    // The connect alone waits in the kernel until the server accepts it.
    let second = rig.look("alice")["pid"].as_u64().unwrap();
    assert_ne!(second, u64::from(first));
    assert_eq!(rig.wait_for("alice", Phase::Running).pid.map(u64::from), Some(second));
    assert_eq!(rig.pids("alice", "starts").len(), 2);
}

#[test]
fn a_request_waits_for_a_server_that_is_slow_to_start() {
    let rig = Rig::start();
    rig.done(r#"{"op":"start","user":"slow"}"#);
    assert!(rig.look("slow")["pid"].is_u64());
    assert_eq!(rig.pids("slow", "starts").len(), 1);
}

#[test]
fn a_server_that_dies_at_once_fails_with_its_status_and_its_last_words() {
    let rig = Rig::start();
    rig.done(r#"{"op":"start","user":"dies-at-once"}"#);
    let status = rig.wait_for("dies-at-once", Phase::Failed);
    assert_eq!((status.exit, status.pid), (exit("exit-code", 3), None));
    assert!(!rig.server_socket("dies-at-once").exists(), "nobody may wait for a server that failed");
    let answer = rig.ask_json(r#"{"op":"journal","user":"dies-at-once","lines":50}"#);
    let Response::Journal { lines } = answer else { panic!("{answer:?}") };
    assert_eq!(lines, ["\u{fffd}[31mcannot go on\u{fffd}[0m"]);
    assert_eq!(rig.pids("dies-at-once", "starts").len(), 1, "it is not started again by itself");
    rig.done(r#"{"op":"start","user":"dies-at-once"}"#);
    eventually("the second start", || (rig.pids("dies-at-once", "starts").len() == 2).then_some(()));
    rig.wait_for("dies-at-once", Phase::Failed);
    rig.done(r#"{"op":"stop","user":"dies-at-once"}"#);
    rig.wait_for("dies-at-once", Phase::Stopped);
}

#[test]
fn a_server_that_leaves_before_it_was_ready_has_failed() {
    let rig = Rig::start();
    rig.done(r#"{"op":"start","user":"leaves-at-once"}"#);
    assert_eq!(rig.wait_for("leaves-at-once", Phase::Failed).exit, exit("protocol", 0));
}

#[test]
fn a_server_that_is_never_ready_is_ended_at_its_deadline() {
    let rig = Plan::default().with("start_timeout_s = 1").start();
    rig.done(r#"{"op":"start","user":"never-ready"}"#);
    let pid = eventually("its pid", || rig.pids("never-ready", "starts").first().copied());
    let status = rig.wait_for("never-ready", Phase::Failed);
    assert_eq!(status.exit.unwrap().result, "timeout");
    assert!(!lives(pid));
}

#[test]
fn a_command_that_cannot_be_run_fails_and_says_why() {
    let rig = Rig::start();
    std::fs::remove_file(rig.dir.join("server.py")).unwrap();
    rig.done(r#"{"op":"start","user":"alice"}"#);
    rig.wait_for("alice", Phase::Failed);
    let Response::Journal { lines } = rig.ask_json(r#"{"op":"journal","user":"alice","lines":9}"#) else {
        panic!()
    };
    assert!(lines.iter().any(|line| line.contains("server.py")), "{lines:?}");
}

#[test]
fn stop_ends_children_that_left_their_parent_group_and_session() {
    let rig = Rig::start();
    rig.run("forks-children");
    let detached = eventually("three children", || {
        Some(rig.pids("forks-children", "detached")).filter(|pids| pids.len() == 3)
    });
    assert!(detached.iter().all(|pid| lives(*pid)));
    rig.done(r#"{"op":"stop","user":"forks-children"}"#);
    rig.wait_for("forks-children", Phase::Stopped);
    assert!(!detached.iter().any(|pid| lives(*pid)));
}

#[test]
fn stop_ends_what_ignores_sigterm() {
    let rig = Rig::start();
    let pid = rig.run("ignores-sigterm").pid.unwrap();
    let child = eventually("its child", || rig.pids("ignores-sigterm", "detached").first().copied());
    let (mut changes, _) = watch(&rig);
    rig.done(r#"{"op":"stop","user":"ignores-sigterm"}"#);
    // A stop is answered when it is on its way; that it goes on is told to those who watch.
    for phase in [Phase::Stopping, Phase::Stopped] {
        until(&mut changes, phase);
    }
    assert!(!lives(pid) && !lives(child));
}

#[test]
fn a_start_during_a_stop_starts_it_again_afterwards() {
    let rig = Rig::start();
    let first = rig.run("alice").pid.unwrap();
    rig.done(r#"{"op":"stop","user":"alice"}"#);
    rig.done(r#"{"op":"start","user":"alice"}"#);
    let second = eventually("another process", || {
        Some(rig.status("alice")).filter(|status| status.phase == Phase::Running && status.pid != Some(first))
    });
    assert!(!lives(first) && lives(second.pid.unwrap()));
}

#[test]
fn a_start_right_behind_a_stop_does_not_take_its_place() {
    let rig = Rig::start();
    for _ in 0..10 {
        let before = rig.run("alice").pid.unwrap();
        let mut client = rig.connect();
        client.send(br#"{"op":"stop","user":"alice"}"#);
        client.send(br#"{"op":"start","user":"alice"}"#);
        eventually("another process", || {
            let status = rig.status("alice");
            (status.phase == Phase::Running && status.pid != Some(before)).then_some(())
        });
    }
}

#[test]
fn only_the_main_process_is_believed() {
    let rig = Plan::default().with("start_timeout_s = 2").start();
    rig.done(r#"{"op":"start","user":"lies"}"#);
    let status = rig.wait_for("lies", Phase::Failed);
    assert_eq!((status.exit.unwrap().result.as_str(), status.status_text.as_str()), ("timeout", ""));
}

#[test]
fn a_server_that_talks_much_costs_bounded_memory_and_the_journal_fits_its_frame() {
    let rig = Rig::start();
    rig.run("talks");
    let Response::Journal { lines } = rig.ask_json(r#"{"op":"journal","user":"talks","lines":200}"#) else {
        panic!()
    };
    assert!(lines.len() > 40 && lines.last().unwrap().starts_with("line 399 "), "{}", lines.len());
    let Response::Journal { lines } = rig.ask_json(r#"{"op":"journal","user":"talks","lines":1}"#) else {
        panic!()
    };
    assert_eq!(lines.len(), 1);
}

#[test]
fn named_servers_of_one_user_live_apart() {
    let rig = Rig::start();
    rig.run("alice");
    rig.done(r#"{"op":"start","user":"alice","server":"gpu"}"#);
    let gpu = rig.look("alice@gpu");
    assert_eq!(gpu["env"]["HUBGATE_INSTANCE"], "alice:gpu");
    assert_ne!(gpu["pid"], rig.look("alice")["pid"]);
    assert_eq!((&gpu["uid"], &gpu["cwd"]), (&rig.look("alice")["uid"], &rig.look("alice")["cwd"]));
    rig.done(r#"{"op":"stop","user":"alice"}"#);
    rig.wait_for("alice", Phase::Stopped);
    assert!(rig.look("alice@gpu")["pid"].is_u64());
    let Response::Servers { servers, more } = rig.ask_json(r#"{"op":"list"}"#) else { panic!() };
    assert_eq!((servers.len(), servers[0].server.as_str(), more), (1, "gpu", false));
}
