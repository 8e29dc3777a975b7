//! The stream of changes.

use std::time::{Duration, Instant};

use hubgate_protocol::{Exit, Phase, Request, Response, ServerStatus, frame};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{Client, Rig};

/// A watch, and the servers of its list.
pub fn watch(rig: &Rig) -> (Client, Vec<ServerStatus>) {
    let mut client = rig.connect();
    match client.ask(&Request::Watch {}) {
        Response::Servers { servers, more: false } => (client, servers),
        other => panic!("{other:?}"),
    }
}

/// The next change into `phase`; `Done` and changes of text are passed over.
pub fn until(client: &mut Client, phase: Phase) -> ServerStatus {
    loop {
        match client.hear() {
            Some(Response::Status { status }) if status.phase == phase => return status,
            Some(Response::Status { .. } | Response::Done {}) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_watch_tells_each_phase_in_its_order() {
    let rig = Rig::start();
    let (mut client, servers) = watch(&rig);
    assert!(servers.is_empty());
    rig.run("alice");
    for phase in [Phase::Listening, Phase::Starting, Phase::Running] {
        until(&mut client, phase);
    }
    rig.done(r#"{"op":"stop","user":"alice"}"#);
    for phase in [Phase::Stopping, Phase::Stopped] {
        until(&mut client, phase);
    }
}

#[test]
fn a_watch_begins_with_what_is_there() {
    let rig = Rig::start();
    let running = rig.run("alice");
    let (_client, servers) = watch(&rig);
    assert_eq!(servers.len(), 1);
    assert_eq!((servers[0].phase, servers[0].pid), (Phase::Running, running.pid));
}

#[test]
fn a_killed_server_is_seen_within_a_second() {
    let rig = Rig::start();
    let pid = rig.run("alice").pid.unwrap();
    let (mut client, _) = watch(&rig);
    let killed = Instant::now();
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
    let status = until(&mut client, Phase::Failed);
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    assert_eq!(status.exit, Some(Exit { result: "signal".to_owned(), status: 9 }));
}

#[test]
fn the_last_status_text_arrives_however_many_came_before() {
    let rig = Rig::start();
    let (mut client, _) = watch(&rig);
    rig.done(r#"{"op":"start","user":"talks"}"#);
    let mut messages = 0;
    let text = loop {
        if let Some(Response::Status { status }) = client.hear() {
            messages += 1;
            if status.phase == Phase::Running && status.status_text.starts_with("hubgate ") {
                break status.status_text;
            }
        }
    };
    assert!(text.starts_with("hubgate kernels=0"));
    assert!(messages < 100, "{messages} messages for 2000 texts");
}

#[test]
fn a_quiet_watch_gives_a_sign_of_life() {
    let rig = Rig::start();
    let (mut client, _) = watch(&rig);
    let begin = Instant::now();
    assert_eq!(client.hear(), Some(Response::Done {}));
    assert!((9..15).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
}

#[test]
fn watches_are_bounded_and_a_place_comes_back_when_a_watcher_leaves() {
    let rig = Rig::start();
    let mut clients: Vec<Client> = (0..16).map(|_| watch(&rig).0).collect();
    let busy = |rig: &Rig| matches!(rig.ask(&Request::Watch {}), Response::Error { .. });
    assert!(busy(&rig));
    clients.pop();
    crate::rig::eventually("a free place", || (!busy(&rig)).then_some(()));
    // The others are not disturbed, and other work goes on.
    frame::write(&mut rig.connect().0, &Request::List {}).unwrap();
    rig.assert_unharmed("many watches");
}
