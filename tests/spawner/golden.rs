//! Golden frames: the bytes of every request and response, as they go over the socket.
//!
//! `HUBGATE_GOLDEN=write cargo test -p hubgate-spawner golden` writes them anew after a change that is meant.

use std::fs;
use std::path::{Path, PathBuf};

use hubgate_protocol::frame::{HEADER_LEN, decode, encode};
use hubgate_protocol::{Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rig::{Client, Rig};

const REQUESTS: [(&str, &str); 21] = [
    (
        "converse",
        r#"{"op":"authenticate","user":"A.B@x.cn","password":"correct horse","rhost":"192.0.2.7","converse":true}"#,
    ),
    ("answer", r#"{"op":"answer","answers":["123456"]}"#),
    ("create_account", r#"{"op":"create_account","user":"alice"}"#),
    ("lock_account", r#"{"op":"lock_account","user":"alice","locked":true}"#),
    ("delete_account", r#"{"op":"delete_account","user":"alice","home":"archive"}"#),
    (
        "authenticate",
        r#"{"op":"authenticate","user":"alice","password":"correct horse","rhost":"2001:db8::7"}"#,
    ),
    ("account", r#"{"op":"account","user":"alice"}"#),
    ("start", r#"{"op":"start","user":"alice"}"#),
    ("start_named", r#"{"op":"start","user":"alice","server":"gpu","ticket":"v1.1800000000.AAAA"}"#),
    (
        "start_hub",
        r#"{"op":"start","user":"alice","server":"gpu","ticket":"v1.1800000000.AAAA","token":"0123456789abcdef"}"#,
    ),
    (
        "start_profile",
        r#"{"op":"start","user":"alice","limits":{"memory_max":1073741824},"environment":{"COURSE":"数据"},"manner":{"default_url":"/tree","offline":true,"no_terminals":true,"command":"notebook","gpus":0,"read_only":["/srv/data"],"hidden":["/srv/exam"]}}"#,
    ),
    ("stop", r#"{"op":"stop","user":"alice"}"#),
    ("status", r#"{"op":"status","user":"alice","server":"gpu"}"#),
    ("list", r#"{"op":"list"}"#),
    ("journal", r#"{"op":"journal","user":"alice","lines":50}"#),
    (
        "cut",
        r#"{"op":"cut","connections":[{"addr":"192.0.2.7","port":50000},{"addr":"2001:db8::7","port":1}]}"#,
    ),
    (
        "set_limits",
        r#"{"op":"set_limits","user":"alice","limits":{"memory_max":1073741824,"cpu_quota_percent":150}}"#,
    ),
    ("start_service", r#"{"op":"start_service","name":"idle-culler","token":"0123456789abcdef"}"#),
    ("stop_service", r#"{"op":"stop_service","name":"idle-culler"}"#),
    ("gpus", r#"{"op":"gpus"}"#),
    ("watch", r#"{"op":"watch"}"#),
];

const RESPONSES: [(&str, &str); 16] = [
    (
        "prompt",
        r#"{"reply":"prompt","prompts":[{"style":"info","text":"Hello"},{"style":"hidden","text":"Verification code: "}],"purpose":"login"}"#,
    ),
    ("created", r#"{"reply":"created","account":{"user":"alice","uid":1000},"password":"one-time"}"#),
    (
        "accepted",
        r#"{"reply":"authenticated","outcome":{"outcome":"accepted","account":{"user":"alice","uid":1000},"state":{"locked":false,"expired":false,"password_changed_day":20000,"created_s":null,"groups":["alice","physics"]},"ticket":"v1.1800000000.AAAA"}}"#,
    ),
    (
        "refused",
        r#"{"reply":"authenticated","outcome":{"outcome":"refused","reason":{"reason":"bad_credentials"}}}"#,
    ),
    (
        "throttled",
        r#"{"reply":"authenticated","outcome":{"outcome":"refused","reason":{"reason":"throttled","retry_after_s":6}}}"#,
    ),
    (
        "account",
        r#"{"reply":"account","account":{"user":"alice","uid":1000},"state":{"locked":false,"expired":false,"password_changed_day":20000,"created_s":null,"groups":["alice","physics"]}}"#,
    ),
    (
        "account_virtual",
        r#"{"reply":"account","account":{"user":"alice","uid":null},"state":{"locked":false,"expired":false,"groups":[]}}"#,
    ),
    ("done", r#"{"reply":"done"}"#),
    (
        "status_running",
        r#"{"reply":"status","status":{"user":"alice","server":"","phase":"running","since_ms":1763800000000,"pid":4711,"status_text":"hubgate kernels=0","exit":null}}"#,
    ),
    (
        "status_failed",
        r#"{"reply":"status","status":{"user":"alice","server":"gpu","phase":"failed","since_ms":1763800000000,"pid":null,"status_text":"","exit":{"result":"exit-code","status":3}}}"#,
    ),
    ("servers", r#"{"reply":"servers","servers":[],"more":false}"#),
    ("journal", r#"{"reply":"journal","lines":["one","two é"]}"#),
    (
        "gpus",
        r#"{"reply":"gpus","gpus":[{"id":"GPU-8932f937","holder":"alice:gpu"},{"id":"GPU-1c5d4a1e","holder":null}]}"#,
    ),
    ("cut", r#"{"reply":"cut","closed":2}"#),
    ("error", r#"{"reply":"error","error":"forbidden","message":"a ticket of the owner is needed"}"#),
    (
        "error_no_service",
        r#"{"reply":"error","error":"no_service","message":"there is no such managed service"}"#,
    ),
];

fn path(kind: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/spawner/golden/{kind}_{name}.frame"))
}

/// The value of `json` has the golden bytes, and the golden bytes have its value.
fn compare<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    kind: &str,
    name: &str,
    json: &str,
) {
    let value: T = serde_json::from_str(json).unwrap();
    let bytes = encode(&value).unwrap();
    let path = path(kind, name);
    if std::env::var_os("HUBGATE_GOLDEN").is_some() {
        fs::write(&path, &bytes).unwrap();
    }
    let golden = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&golden), "{kind} {name}");
    assert_eq!(decode::<T>(&golden[HEADER_LEN..]).unwrap(), value);
}

#[test]
fn every_request_has_its_golden_bytes() {
    for (name, json) in REQUESTS {
        compare::<Request>("request", name, json);
    }
}

#[test]
fn every_response_has_its_golden_bytes() {
    for (name, json) in RESPONSES {
        compare::<Response>("response", name, json);
    }
}

#[test]
fn the_daemon_understands_every_golden_request() {
    let rig = Rig::start();
    for (name, _) in REQUESTS {
        let golden = fs::read(path("request", name)).unwrap();
        let mut client: Client = rig.connect();
        client.send(&golden[HEADER_LEN..]);
        let answer = client.hear().unwrap();
        let misunderstood =
            matches!(answer, Response::Error { error: hubgate_protocol::ErrorCode::BadRequest, .. });
        assert!(!misunderstood, "{name}: {answer:?}");
    }
}
