//! The shared corpus of hostile inputs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/bad-inputs.json");

/// One input.
pub struct Entry {
    pub id: String,
    pub bytes: Vec<u8>,
    pub expect: String,
}

/// The inputs for one target that are bytes to send; those that describe a situation have tests of their own.
pub fn entries(target: &str) -> Vec<Entry> {
    let text = std::fs::read(CORPUS)
        .unwrap_or_else(|error| panic!("the corpus of hostile inputs is missing: {CORPUS}: {error}"));
    let all: Value = serde_json::from_slice(&text).unwrap();
    let ours = |entry: &&Value| entry["target"] == target && entry["scenario"] != true;
    let entry = |entry: &Value| Entry {
        id: entry["id"].as_str().unwrap().to_owned(),
        bytes: bytes(entry),
        expect: entry["expect"].as_str().unwrap().to_owned(),
    };
    let found: Vec<Entry> = all["inputs"].as_array().unwrap().iter().filter(ours).map(entry).collect();
    assert!(!found.is_empty(), "no entry for {target}");
    found
}

fn bytes(entry: &Value) -> Vec<u8> {
    if let Some(text) = entry["input"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(text) = entry["input_b64"].as_str() {
        return STANDARD.decode(text).unwrap();
    }
    let part = |key: &str| entry["gen"][key].as_str().unwrap_or_default().to_owned();
    let times = usize::try_from(entry["gen"]["n"].as_u64().unwrap()).unwrap();
    format!("{}{}{}", part("prefix"), part("repeat").repeat(times), part("suffix")).into_bytes()
}
