//! Hostile frames, those of the shared list among them: an error or a close, and nothing else happens.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubgate_protocol::{ErrorCode, Response};
use serde::Deserialize;

use crate::rig::{Client, Rig, log_of};

const LIST: &str = "../shared/data/bad-inputs.json";

#[derive(Deserialize)]
struct List {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    id: String,
    target: String,
    expect: String,
    #[serde(default)]
    scenario: bool,
    input: Option<String>,
    input_b64: Option<String>,
    r#gen: Option<Generated>,
}

#[derive(Deserialize)]
struct Generated {
    #[serde(default)]
    prefix: String,
    repeat: String,
    n: usize,
    #[serde(default)]
    suffix: String,
}

/// A name under which somebody would have an account made.
pub struct Name {
    pub text: String,
    pub expect: String,
}

/// The names of the list that are to be made accounts.
pub fn names_to_create() -> Vec<Name> {
    let all = all().into_iter().filter(|input| input.target == "username_create");
    let text = |input: &Input| match (&input.input, &input.r#gen) {
        (Some(text), _) => text.clone(),
        (None, Some(made)) => made.repeat.repeat(made.n),
        (None, None) => panic!("{}: what is the name?", input.id),
    };
    all.map(|input| Name { text: text(&input), expect: input.expect }).collect()
}

/// The frames of the list.
fn inputs() -> Vec<Input> {
    all().into_iter().filter(|input| input.target == "spawner_frame").collect()
}

/// The list; the ring cannot run without it.
fn all() -> Vec<Input> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(LIST);
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{LIST} beside the project is missing: {error}"));
    let list: List = serde_json::from_str(&text).unwrap();
    list.inputs
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

impl Input {
    /// Raw bytes as they are; a text in a frame of its own; a repetition both in one frame each and as a whole.
    fn variants(&self) -> Vec<Vec<u8>> {
        if let Some(raw) = &self.input_b64 {
            return vec![STANDARD.decode(raw).unwrap()];
        }
        if let Some(text) = &self.input {
            return vec![framed(text.as_bytes())];
        }
        let Generated { prefix, repeat, n, suffix } = self.r#gen.as_ref().unwrap();
        let whole = format!("{prefix}{}{suffix}", repeat.repeat(*n)).into_bytes();
        vec![framed(repeat.as_bytes()).repeat(*n), framed(&whole), whole]
    }
}

/// Sends bytes and, unless the daemon is to find out by itself, the end; hears all that comes back until it closes.
fn exchange(rig: &Rig, bytes: &[u8], end: bool) -> Vec<Response> {
    let mut client = rig.connect();
    let mut feeder = Client(client.0.try_clone().unwrap());
    let bytes = bytes.to_owned();
    // A daemon that closes early makes the rest of a long input fail, as it should.
    let feeding = std::thread::spawn(move || {
        let sent = feeder.0.write_all(&bytes).is_ok();
        let _closed_before = end.then(|| feeder.0.shutdown(std::net::Shutdown::Write));
        sent
    });
    let mut answers = Vec::new();
    while let Some(answer) = client.hear() {
        answers.push(answer);
        if feeding.is_finished() && answers.len() > 200 {
            break;
        }
    }
    feeding.join().unwrap();
    answers
}

#[test]
fn every_hostile_frame_of_the_shared_list_gets_what_it_deserves() {
    let rig = Rig::start();
    let inputs = inputs();
    assert!(inputs.len() >= 30, "{} frames in {LIST}", inputs.len());
    for input in inputs.iter().filter(|input| !input.scenario) {
        for bytes in input.variants() {
            let answers = exchange(&rig, &bytes, input.input.is_some());
            match input.expect.as_str() {
                "error_reply" => {
                    let refused = matches!(answers.as_slice(), [Response::Error { error, .. }]
                        if matches!(error, ErrorCode::BadRequest | ErrorCode::NoAccount));
                    assert!(refused, "{}: {answers:?}", input.id);
                }
                "close" => {
                    let harmless = answers.iter().all(|answer| matches!(answer, Response::Status { .. }));
                    assert!(harmless && answers.len() < 100, "{}: {} answers", input.id, answers.len());
                }
                other => panic!("{}: this ring does not know what {other} is", input.id),
            }
        }
        rig.assert_unharmed(&input.id);
    }
    assert!(!rig.dir.join("homes").exists(), "no home was made for a hostile frame");
}

#[test]
fn the_scenarios_of_the_shared_list_have_tests_of_their_own() {
    let names: Vec<String> =
        inputs().into_iter().filter(|input| input.scenario).filter_map(|input| input.input).collect();
    for name in names {
        // peer.rs; and the test below.
        assert!(matches!(name.as_str(), "WRONG_PEER_UID" | "SHUTDOWN_WR_EARLY"), "{name} has no test");
    }
}

#[test]
fn a_peer_that_closes_its_sending_half_gets_its_answer_and_then_the_end() {
    let rig = Rig::start();
    let mut client = rig.connect();
    client.send(br#"{"op":"list"}"#);
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(matches!(client.hear(), Some(Response::Servers { .. })));
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    rig.assert_unharmed("a half-closed connection");
}

#[test]
fn a_bad_object_is_answered_and_the_connection_goes_on() {
    let rig = Rig::start();
    let mut client = rig.connect();
    client.send(br#"{"op":"start","user":"Hunter2 is my password"}"#);
    let answer = client.hear().unwrap();
    let Response::Error { error: ErrorCode::BadRequest, message } = &answer else { panic!("{answer:?}") };
    assert!(!message.contains("Hunter2"), "{message}");
    client.send(br#"{"op":"list"}"#);
    assert!(matches!(client.hear(), Some(Response::Servers { .. })));
    assert!(!log_of(&rig.dir).contains("Hunter2"));
}

#[test]
fn every_length_around_the_bound_and_every_cut_of_a_frame_is_survived() {
    let rig = Rig::start();
    for len in [0_u32, 16_385, 16_384 * 2, u32::MAX / 2, u32::MAX] {
        assert!(exchange(&rig, &[&len.to_be_bytes()[..], b"{}"].concat(), false).is_empty(), "{len}");
    }
    let good = framed(br#"{"op":"list"}"#);
    for cut in 0..good.len() {
        let mut client = rig.connect();
        client.0.write_all(&good[..cut]).unwrap();
        client.0.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(client.hear().is_none(), "{cut}");
    }
    let spaces = format!("{{\"op\":\"list\"{}}}", " ".repeat(16_384 - 13));
    assert_eq!(spaces.len(), 16_384);
    let mut client = rig.connect();
    client.send(spaces.as_bytes());
    assert!(matches!(client.hear(), Some(Response::Servers { .. })));
    rig.assert_unharmed("odd lengths");
}

#[test]
fn a_virtual_account_may_not_bear_a_system_accounts_name() {
    let rig = Rig::start();
    for op in ["start", "stop", "status", "account"] {
        for user in ["root", "daemon", "nobody", "www-data"] {
            let answer = rig.ask_json(&format!("{{\"op\":\"{op}\",\"user\":\"{user}\"}}"));
            assert!(
                matches!(answer, Response::Error { error: ErrorCode::NoAccount, .. }),
                "{op} {user} {answer:?}"
            );
        }
    }
    rig.assert_unharmed("system names");
}
