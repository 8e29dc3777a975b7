//! Bounds in time and number: whoever overdoes it loses the connection, and nobody else notices.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hubgate_protocol::{Phase, Request, Response, frame};

use crate::rig::{Client, Rig};

#[test]
fn two_hundred_starts_at_once_are_one_process() {
    let rig = Arc::new(Rig::start());
    let starts: Vec<_> = (0..200)
        .map(|_| {
            let rig = Arc::clone(&rig);
            std::thread::spawn(move || rig.done(r#"{"op":"start","user":"alice"}"#))
        })
        .collect();
    for start in starts {
        start.join().unwrap();
    }
    rig.wait_for("alice", Phase::Running);
    assert_eq!(rig.pids("alice", "starts").len(), 1);
}

#[test]
fn more_clients_than_places_are_served_one_after_the_other() {
    let rig = Rig::start();
    let mut silent = rig.silent_crowd();
    let begin = Instant::now();
    // The silent ones lose their places after five seconds.
    rig.assert_unharmed("a silent crowd");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(silent.iter_mut().all(|client| client.hear().is_none()));
}

#[test]
fn a_frame_must_be_delivered_in_five_seconds_however_it_drips() {
    let rig = Rig::start();
    let mut client = rig.connect();
    let bytes = frame::encode(&Request::List {}).unwrap();
    let begin = Instant::now();
    // A byte a second keeps no connection alive.
    let dripped = bytes.iter().take_while(|byte| {
        let sent = client.0.write_all(&[**byte]).is_ok();
        client.0.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let closed = matches!(client.0.read(&mut [0]), Ok(0));
        sent && !closed
    });
    assert!(dripped.count() < bytes.len());
    assert!((4..8).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    rig.assert_unharmed("a dripping client");
}

#[test]
fn ten_thousand_requests_without_listening_end_the_connection_and_others_are_served() {
    let rig = Rig::start();
    let mut flood = rig.connect();
    let request =
        frame::encode(&serde_json::from_str::<Request>(r#"{"op":"status","user":"alice"}"#).unwrap())
            .unwrap();
    flood.0.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut feeder = Client(flood.0.try_clone().unwrap());
    let feeding =
        std::thread::spawn(move || (0..10_000).filter(|_| feeder.0.write_all(&request).is_ok()).count());
    rig.assert_unharmed("a flood");
    let answers = std::iter::from_fn(|| flood.hear()).count();
    assert!(answers < 100, "{answers} answers");
    assert!(feeding.join().unwrap() < 10_000);
    rig.assert_unharmed("a flood");
}

#[test]
fn a_client_that_waits_for_its_answers_may_ask_as_often_as_it_likes() {
    let rig = Rig::start();
    let mut client = rig.connect();
    for _ in 0..1000 {
        assert!(matches!(client.ask(&Request::List {}), Response::Servers { .. }));
    }
}

#[test]
fn what_a_client_that_left_had_asked_for_is_not_done() {
    let rig = Rig::start();
    // All places are taken by watches and silent clients, so that the request waits while its client leaves.
    let silent: Vec<Client> = (0..64).map(|_| rig.connect()).collect();
    let mut client = rig.connect();
    client.send(br#"{"op":"start","user":"alice"}"#);
    drop(client);
    drop(silent);
    rig.assert_unharmed("a client that left");
    assert_eq!(rig.status("alice").phase, Phase::Stopped);
    assert!(rig.pids("alice", "starts").is_empty());
}

#[test]
fn numbers_outside_their_ranges_are_refused() {
    let rig = Rig::start();
    let connections = vec![r#"{"addr":"192.0.2.1","port":1}"#; 257].join(",");
    for json in [
        r#"{"op":"journal","user":"alice","lines":0}"#.to_owned(),
        r#"{"op":"journal","user":"alice","lines":201}"#.to_owned(),
        r#"{"op":"set_limits","user":"alice","limits":{"cpu_weight":0}}"#.to_owned(),
        r#"{"op":"set_limits","user":"alice","limits":{"io_weight":10001}}"#.to_owned(),
        r#"{"op":"set_limits","user":"alice","limits":{"cpu_quota_percent":1000001}}"#.to_owned(),
        r#"{"op":"set_limits","user":"alice","limits":{"disk_quota":0}}"#.to_owned(),
        r#"{"op":"start","user":"alice","manner":{"gpus":1}}"#.to_owned(),
        r#"{"op":"start","user":"alice","manner":{"gpus":4294967295}}"#.to_owned(),
        r#"{"op":"start","user":"alice","manner":{"command":"sh -c"}}"#.to_owned(),
        r#"{"op":"start","user":"alice","manner":{"hidden":["/srv/../etc"]}}"#.to_owned(),
        r#"{"op":"start","user":"alice","manner":{"read_only":["srv"]}}"#.to_owned(),
        format!("{{\"op\":\"cut\",\"connections\":[{connections}]}}"),
    ] {
        let answer = rig.ask_json(&json);
        assert!(
            matches!(answer, Response::Error { error: hubgate_protocol::ErrorCode::BadRequest, .. }),
            "{answer:?}"
        );
    }
}
