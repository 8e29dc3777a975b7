//! What a change of a user may say beyond JupyterHub's fields: names for people, locked out, day of expiry, another account.

use diesel::QueryResult;
use hubgate_protocol::{LoginName, Username};
use serde_json::{Map, Value};

use crate::answer::Failure;
use crate::api::body::bad;
use crate::config::Authenticator;
use crate::domain::display_name::is_display_name;
use crate::domain::timestamp;
use crate::extract::Caller;
use crate::store::{Conn, accounts, standing};

/// What is to be changed. An inner `None` takes away.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    login: Option<Option<LoginName>>,
    display_name: Option<Option<String>>,
    disabled: Option<bool>,
    expires_s: Option<Option<i64>>,
    confirmed: bool,
}

impl Changes {
    /// Reads the fields of a change of `user`.
    ///
    /// # Errors
    /// 400, with the field named.
    pub fn read(caller: &Caller, user: &Username, fields: &Map<String, Value>) -> Result<Self, Failure> {
        let flag = |key| fields.get(key).and_then(Value::as_bool);
        let disabled = flag("disabled");
        if disabled == Some(true) && caller.name() == user.as_str() {
            return Err(bad("Cannot disable yourself!"));
        }
        if flag("estranged") == Some(true) {
            return Err(bad(
                "user.estranged can only be set to false, which confirms the account of that name",
            ));
        }
        let display_name = fields.get("display_name").map(Value::as_str);
        if display_name.flatten().is_some_and(|name| !is_display_name(name)) {
            return Err(bad("user.display_name must be 1 to 255 characters that can be seen"));
        }
        Ok(Self {
            login: fields.get("login_name").map(|text| login(caller, text.as_str())).transpose()?,
            display_name: display_name.map(|name| name.map(str::to_owned)),
            disabled,
            expires_s: fields.get("expires_at").map(|text| expires_s(text.as_str())).transpose()?,
            confirmed: flag("estranged") == Some(false),
        })
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the database fails; a unique violation where the login name is somebody else's.
    pub fn apply(&self, c: &mut Conn, user: &Username) -> QueryResult<()> {
        if let Some(login) = &self.login {
            standing::set_login(c, user, login.as_ref())?;
        }
        if let Some(name) = &self.display_name {
            standing::set_display_name(c, user, name.as_deref())?;
        }
        if let Some(disabled) = self.disabled {
            standing::set_disabled(c, user, disabled)?;
        }
        if let Some(expires_s) = self.expires_s {
            standing::set_expires(c, user, expires_s)?;
        }
        if self.confirmed {
            accounts::confirm(c, user)?;
        }
        Ok(())
    }
}

fn login(caller: &Caller, text: Option<&str>) -> Result<Option<LoginName>, Failure> {
    if caller.hub.config.authenticator != Authenticator::File {
        return Err(bad(
            "user.login_name cannot be set: users log in by the names of their accounts; see username_map",
        ));
    }
    let Some(text) = text else { return Ok(None) };
    let login = caller.hub.rules.login(text).filter(|login| login.as_str() == text);
    login.map(Some).ok_or_else(|| bad("user.login_name is not a login name that this site uses"))
}

fn expires_s(text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let at_us = timestamp::parse(text).ok_or_else(|| bad("user.expires_at must be a time (ISO 8601)"))?;
    Ok(Some(at_us.div_euclid(1_000_000)))
}
