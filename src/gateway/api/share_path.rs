//! Servers and their owners as the paths of shares name them.

use actix_web::http::StatusCode;
use diesel::QueryResult;
use hubgate_protocol::{ServerId, Username};
use serde::Deserialize;

use crate::answer::Failure;
use crate::api::stored;
use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::state::Directory;
use crate::store::{Conn, servers, users};

/// The end of a path: whose server, and which; the default one has no name.
#[derive(Debug, Deserialize)]
pub struct ServerOf {
    /// The owner.
    pub owner: String,
    /// The server.
    #[serde(rename = "server_name")]
    pub server: String,
}

impl ServerOf {
    /// The server, if there can be one of these names.
    #[must_use]
    pub fn id(&self, directory: &Directory) -> Option<ServerId> {
        Some(ServerId { user: directory.user_named(&self.owner)?, server: self.server.parse().ok()? })
    }

    /// The server, for a caller who holds the scope for it.
    ///
    /// # Errors
    /// As [`Caller::require`]; 404 for what cannot be a server.
    pub fn allowed(&self, caller: &Caller, base: &Base) -> Result<ServerId, Failure> {
        match self.id(&caller.directory) {
            Some(id) => caller.require(std::slice::from_ref(base), &Target::Server(&id)).map(|()| id),
            None => match caller.user(std::slice::from_ref(base), &self.owner) {
                Ok(_) => Err(self.absent()),
                Err(failure) => Err(failure),
            },
        }
    }

    /// Row of the server. The default server of somebody who has never used it is there all the same.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn row(&self, caller: &Caller, id: &ServerId) -> Result<i64, Failure> {
        let wanted = id.clone();
        if let Some(server) = stored::read(&caller.hub, move |c| servers::by_id(c, &wanted)).await? {
            return Ok(server.id);
        }
        if !id.server.is_default() {
            return Err(self.absent());
        }
        let (wanted, now_us) = (id.clone(), caller.hub.clock.now_us());
        let made = stored::write(&caller.hub, move |c| match user_row(c, &wanted.user)? {
            Some(_) => servers::ensure(c, &wanted, now_us).map(|server| Ok(Some(server.id))),
            None => Ok(Ok(None)),
        });
        made.await?.ok_or_else(|| self.absent())
    }

    /// 404 for a server that is not there.
    #[must_use]
    pub fn absent(&self) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, format!("No such server: {}/{}", self.owner, self.server))
    }
}

/// Row of a user.
///
/// # Errors
/// When the database fails; an absent user is `None`.
pub fn user_row(c: &mut Conn, name: &Username) -> QueryResult<Option<i64>> {
    Ok(users::by_name(c, name)?.map(|user| user.id))
}
