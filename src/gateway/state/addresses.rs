//! Where things are: addresses of servers and of what belongs to them.

use hubgate_protocol::{ServerId, ServerName, Username};

use crate::state::Hub;

impl Hub {
    /// `BASE_URL` followed by `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base_url)
    }

    /// The path that belongs to a server, with a slash at the end.
    #[must_use]
    pub fn server_path(&self, id: &ServerId) -> String {
        let base_url = &self.config.base_url;
        match id.server.as_str() {
            "" => format!("{base_url}/user/{}/", id.user),
            server => format!("{base_url}/user/{}/{server}/", id.user),
        }
    }

    /// Where the front page of a server is.
    #[must_use]
    pub fn server_url(&self, id: &ServerId) -> String {
        let own = self.profile_of(id).and_then(|profile| profile.default_url.as_deref());
        format!("{}{}", self.server_path(id).trim_end_matches('/'), own.unwrap_or(&self.config.default_url))
    }

    /// A path of ours as an address, where the configuration knows the site's.
    #[must_use]
    pub fn public(&self, path: &str) -> Option<String> {
        let (scheme, rest) = self.config.public_url.split_once("://")?;
        let host = rest.split('/').next()?;
        Some(format!("{scheme}://{host}{path}"))
    }

    /// Where the events of a start are told.
    #[must_use]
    pub fn progress_url(&self, id: &ServerId) -> String {
        let users = self.url("/hub/api/users");
        match id.server.as_str() {
            "" => format!("{users}/{}/server/progress", id.user),
            server => format!("{users}/{}/servers/{server}/progress", id.user),
        }
    }

    /// The server that somebody means who names none.
    #[must_use]
    pub fn first_server(&self, user: &Username) -> ServerId {
        let server = match self.config.allow_named_servers {
            true => self.config.default_server_name.clone(),
            false => ServerName::default(),
        };
        ServerId { user: user.clone(), server }
    }
}
