//! JSON bodies: read once, strictly, with errors that name the field.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::answer::Failure;
use crate::api::operation::{Fields, Kind};
use crate::words::Sentence;

/// Largest body, bytes.
pub const BODY_MAX: usize = 1024 * 1024;

/// The bytes of a body, at most [`BODY_MAX`]. They are read as JSON after the caller's rights have been looked at.
pub struct Body(Bytes);

impl FromRequest for Body {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = Bytes::from_request(request, payload);
        Box::pin(async move {
            bytes.await.map(Self).map_err(|error| {
                let status = error.as_response_error().status_code();
                if status == StatusCode::PAYLOAD_TOO_LARGE {
                    return Failure::new(status, format!("The body is longer than {BODY_MAX} bytes."));
                }
                bad("The body could not be read.")
            })
        })
    }
}

impl Body {
    /// The JSON value; `None` for no body at all.
    ///
    /// # Errors
    /// 400 for anything that is not exactly one JSON value without double keys, nested less than 128 deep.
    pub fn json(&self) -> Result<Option<Value>, Failure> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice(&self.0) {
            Ok(Strict(value)) => Ok(Some(value)),
            Err(_) => Err(bad("Invalid JSON in body of request")),
        }
    }

    /// The JSON object, checked against its fields; `None` for no body, and for an empty object, list or null.
    ///
    /// # Errors
    /// 400, with the field named.
    pub fn object(&self, fields: &Fields) -> Result<Option<Map<String, Value>>, Failure> {
        self.json()?.filter(|body| !empty(body)).map(|body| checked(body, fields)).transpose()
    }
}

/// Whether a body says nothing: where it may be left out, these are as good.
#[must_use]
pub fn empty(body: &Value) -> bool {
    match body {
        Value::Null => true,
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The value, if it is an object.
///
/// # Errors
/// 400 with this sentence.
pub fn object_or(value: Value, sentence: &str) -> Result<Value, Failure> {
    if value.is_object() { Ok(value) } else { Err(bad(sentence)) }
}

/// The value as an object whose fields are what they should be.
///
/// # Errors
/// 400, with the field named.
pub fn checked(value: Value, fields: &Fields) -> Result<Map<String, Value>, Failure> {
    let of = fields.of;
    let Value::Object(object) = value else {
        return Err(bad(format!("{of} must be a JSON object, not {}", word(&value))));
    };
    if fields.closed
        && let Some(key) = object.keys().find(|key| !fields.fields.iter().any(|field| field.name == **key))
    {
        let known: Vec<&str> = fields.fields.iter().map(|field| field.name).collect();
        let key = shortened(key);
        return Err(bad(format!(
            "Invalid JSON keys: '{key}' is not a field of {of}; it has {}",
            known.join(", ")
        )));
    }
    for field in fields.fields {
        match object.get(field.name) {
            None if field.required => return Err(bad(format!("{of}.{} is missing", field.name))),
            None => {}
            Some(Value::Null) if field.nullable => {}
            Some(value) if fits(value, field.kind) => {}
            Some(_) => {
                let (must, null) = (must_be(field.kind), if field.nullable { " or null" } else { "" });
                let of = if of.is_empty() { String::new() } else { format!("{of}.") };
                return Err(bad(format!("{of}{} must be {must}{null}", field.name)));
            }
        }
    }
    Ok(object)
}

/// The texts of a list; a value of another kind holds none.
#[must_use]
pub fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    Some(value?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// A text of a client as it may stand in an error.
#[must_use]
pub fn shortened(text: &str) -> String {
    text.escape_debug().take(64).collect()
}

/// 400 with this sentence.
pub fn bad(sentence: impl Into<Sentence>) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, sentence)
}

fn fits(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Text | Kind::Time => value.is_string(),
        Kind::Integer => value.is_i64() || value.is_u64(),
        Kind::Amount => value.is_number() || value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Kind::Object => value.is_object(),
        Kind::Word(words) => value.as_str().is_some_and(|text| words.contains(&text)),
    }
}

fn must_be(kind: Kind) -> String {
    match kind {
        Kind::Text => "a string".to_owned(),
        Kind::Time => "a time as text (ISO 8601)".to_owned(),
        Kind::Integer => "an integer".to_owned(),
        Kind::Amount => "a number or a string".to_owned(),
        Kind::Boolean => "a boolean".to_owned(),
        Kind::Texts => "a list of strings".to_owned(),
        Kind::Object => "an object".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
    }
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A JSON value none of whose objects names a key twice: two readers of one body must not see two bodies.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = pairs.next_entry::<String, Strict>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom("a key stands twice"));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
