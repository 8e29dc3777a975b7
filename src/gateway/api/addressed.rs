//! The server that a path names, and whether one of that name may be made.

use hubgate_protocol::{ServerId, Username};
use serde::Deserialize;

use crate::answer::Failure;
use crate::api::body::{bad, shortened};
use crate::api::model::unused;
use crate::api::user::found;
use crate::domain::display_name::{is_display_name, is_readable};
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::state::Hub;
use crate::state::starts::{self, NameRefused};
use crate::store::servers::Server;

/// `…/users/NAME/server` and `…/users/NAME/servers/SERVER`.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerPath {
    name: String,
    #[serde(default)]
    server_name: String,
}

/// A server as it was addressed; it need not exist.
pub struct Addressed {
    /// The owner, who exists.
    pub user: Username,
    /// The owner's servers that are known.
    pub servers: Vec<Server>,
    /// The server's name as it was written; empty for the default server.
    pub text: String,
}

impl Addressed {
    /// Reads the path for a caller who holds one of these scopes for that server.
    ///
    /// # Errors
    /// As [`Caller::require`]; 404 where there is no such user.
    pub async fn of(caller: &Caller, any_of: &[Base], path: ServerPath) -> Result<Self, Failure> {
        let ServerPath { name, server_name: text } = path;
        let id = caller.directory.user_named(&name).zip(text.parse().ok());
        let user = match id.map(|(user, server)| ServerId { user, server }) {
            Some(id) => caller.require(any_of, &Target::Server(&id)).map(|()| id.user)?,
            // No scope is of a server that cannot be; whoever may touch all of the user's is told of it.
            None => caller.user(any_of, &name)?,
        };
        let (_, servers) = found(&caller.hub, &user).await?;
        Ok(Self { user, servers, text })
    }

    /// The server, if it is known. A default server always is.
    #[must_use]
    pub fn known(&self) -> Option<(ServerId, Server)> {
        let id = ServerId { user: self.user.clone(), server: self.text.parse().ok()? };
        let server = self.servers.iter().find(|server| server.name == id.server).cloned();
        let server = server.or_else(|| id.server.is_default().then(|| unused(&id)))?;
        Some((id, server))
    }

    /// The server of that name, which exists or may be made.
    ///
    /// # Errors
    /// 400 where named servers are off, where the user has as many as may be (if that counts), and for a name or a name for
    /// people that cannot be.
    pub fn admitted(
        &self,
        hub: &Hub,
        text: &str,
        display: Option<&str>,
        counts: bool,
    ) -> Result<ServerId, Failure> {
        let told = |why: NameRefused| match why {
            NameRefused::Bad(why) => bad(format!("Invalid server_name: '{}'; {why}", shortened(text))),
            why => bad(why.to_string()),
        };
        if !hub.config.allow_named_servers {
            return Err(told(NameRefused::Off));
        }
        let known = self.servers.iter().any(|server| server.name.as_str() == text);
        let right = |display: &&str| if known { is_readable(display) } else { is_display_name(display) };
        if let Some(display) = display.filter(|display| !right(display)) {
            return Err(bad(format!("Invalid display_name: '{}'", shortened(display))));
        }
        let server = starts::admit(hub, &self.user, text, counts).map_err(told)?;
        Ok(ServerId { user: self.user.clone(), server })
    }
}
