//! Bodies of requests about servers.

use serde_json::{Map, Value};

use crate::answer::Failure;
use crate::api::body::{Body, bad, checked, empty, object_or};
use crate::api::operation::{Field, Fields, Kind};
use crate::state::starts::StartOptions;
use crate::store::servers::Change;

const OBJECT: &str = "Body must be a JSON object";

/// To make or start a server. A body with neither of the first two fields is, whole, its options.
pub const START: Fields = Fields {
    of: "",
    closed: false,
    fields: &[Field::new("display_name", Kind::Text), Field::new("user_options", Kind::Object).or_null()],
};

/// To change a server.
pub const PATCH: Fields = Fields {
    of: "",
    closed: true,
    fields: &[
        Field::new("name", Kind::Text).or_null(),
        Field::new("display_name", Kind::Text).or_null(),
        Field::new("user_options", Kind::Object),
    ],
};

/// To stop a server.
pub const DELETE: Fields =
    Fields { of: "", closed: false, fields: &[Field::new("remove", Kind::Boolean).or_null()] };

/// What a server is to be like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Its name for people.
    pub display_name: Option<String>,
    /// Its options.
    pub user_options: Option<Map<String, Value>>,
}

impl Asked {
    /// Reads the body of a start.
    ///
    /// # Errors
    /// 400, with the field named.
    pub fn read(body: &Body) -> Result<Self, Failure> {
        let Some(body) = body.json()?.filter(|body| !empty(body)) else { return Ok(Self::default()) };
        let mut fields = checked(object_or(body, OBJECT)?, &START)?;
        if !fields.contains_key("display_name") && !fields.contains_key("user_options") {
            return Ok(Self { display_name: None, user_options: Some(fields) });
        }
        Ok(Self { display_name: text(&mut fields, "display_name"), user_options: object(&mut fields) })
    }

    /// As a start takes it.
    #[must_use]
    pub fn options(self) -> StartOptions {
        StartOptions { display_name: self.display_name, user_options: self.user_options }
    }

    /// As the table takes it.
    #[must_use]
    pub fn change(self) -> Change {
        Change { name: None, display_name: self.display_name.map(Some), user_options: self.user_options }
    }
}

/// What is to be changed of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// Its new name.
    pub name: Option<String>,
    /// The rest.
    pub asked: Asked,
}

impl Patch {
    /// Reads the body of a change.
    ///
    /// # Errors
    /// 400, with the field named.
    pub fn read(body: &Body) -> Result<Self, Failure> {
        let body = body.json()?.filter(|body| !empty(body));
        let body = body.ok_or_else(|| bad("Must specify at least one field to modify."))?;
        let mut fields = checked(object_or(body, OBJECT)?, &PATCH)?;
        let (name, display_name) = (text_or_empty(&mut fields, "name"), text(&mut fields, "display_name"));
        Ok(Self { name, asked: Asked { display_name, user_options: object(&mut fields) } })
    }
}

/// Whether a stop is to forget the server too.
///
/// # Errors
/// 400, with the field named.
pub fn removes(body: &Body) -> Result<bool, Failure> {
    let Some(body) = body.json()?.filter(|body| !empty(body)) else { return Ok(false) };
    let fields = checked(object_or(body, OBJECT)?, &DELETE)?;
    Ok(fields.get("remove").and_then(Value::as_bool).unwrap_or_default())
}

fn text(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    text_or_empty(fields, key).filter(|text| !text.is_empty())
}

fn text_or_empty(fields: &mut Map<String, Value>, key: &str) -> Option<String> {
    match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn object(fields: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    match fields.remove("user_options") {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}
