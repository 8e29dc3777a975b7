//! JupyterHub's models of users, servers, services and tokens, with the keys that the reader's scopes show.

use std::collections::BTreeSet;

use hubgate_protocol::{Phase, ServerId, ServerStatus, Username};
use serde_json::{Map, Value, json};

use crate::domain::scope::{Base, Client, ScopeSet, Target, Verdict};
use crate::domain::time::iso;
use crate::state::Hub;
use crate::state::directory::Directory;
use crate::state::service::Service;
use crate::state::tokens::Token;
use crate::store::User;
use crate::store::servers::Server;

/// Keys of a user, and the scopes of which each shows some.
const USER_KEYS: [(Base, &[&str]); 7] = [
    (
        Base::ReadUsers,
        &[
            "kind",
            "name",
            "user_info",
            "admin",
            "roles",
            "groups",
            "server",
            "pending",
            "created",
            "last_activity",
        ],
    ),
    (Base::ReadUsersName, &["kind", "name", "user_info", "admin"]),
    (Base::ReadUsersGroups, &["kind", "name", "groups"]),
    (Base::ReadUsersActivity, &["kind", "name", "last_activity"]),
    (Base::ReadServers, &["kind", "name", "servers"]),
    (Base::ReadRolesUsers, &["kind", "name", "roles", "admin"]),
    (Base::AdminAuthState, &["kind", "name", "auth_state"]),
];

/// Keys of a service, and the scopes of which each shows some.
const SERVICE_KEYS: [(Base, &[&str]); 3] = [
    (Base::ReadServices, &["kind", "name", "admin", "url", "prefix", "command", "pid", "info", "display"]),
    (Base::ReadServicesName, &["kind", "name", "admin"]),
    (Base::ReadRolesServices, &["kind", "name", "roles", "admin"]),
];

/// Who reads, and what they may see.
pub struct Reader<'a> {
    /// The state of the gateway.
    pub hub: &'a Hub,
    /// Who is who.
    pub directory: &'a Directory,
    /// What the reader may do.
    pub scopes: &'a ScopeSet,
}

impl Reader<'_> {
    fn may(&self, base: &Base, target: &Target<'_>) -> bool {
        self.scopes.check(base, target, self.directory) == Verdict::Held
    }

    /// A user with their servers. Empty where the reader may see nothing of them.
    #[must_use]
    pub fn user(&self, user: &User, servers: &[Server], with_stopped: bool) -> Map<String, Value> {
        let shown = self.shown(&USER_KEYS, &Target::User(&user.name));
        let mut model: Map<String, Value> =
            shown.iter().map(|key| ((*key).to_owned(), self.user_key(user, key))).collect();
        if model.is_empty() {
            return model;
        }
        if shown.contains("created") {
            model.extend(beyond(user));
        }
        let servers = self.servers(user, servers, with_stopped);
        if shown.contains("servers") || !servers.is_empty() {
            model.insert("servers".to_owned(), servers.into());
        }
        model
    }

    /// A user, where the reader may see no more than what is in memory: so a server or service learns who its visitor is at
    /// no cost. `None` where the database must be asked.
    #[must_use]
    pub fn user_in_memory(&self, name: &Username) -> Option<Map<String, Value>> {
        let stored = ["created", "last_activity", "servers"];
        let shown = self.shown(&USER_KEYS, &Target::User(name));
        let enough = !shown.is_empty()
            && stored.iter().all(|key| !shown.contains(key))
            && !self.scopes.holds(&Base::ReadServers);
        enough.then(|| shown.iter().map(|key| ((*key).to_owned(), self.known_key(name, key))).collect())
    }

    fn user_key(&self, user: &User, key: &str) -> Value {
        match key {
            "created" => iso(user.created_s.saturating_mul(1_000_000)).into(),
            "last_activity" => json!(self.hub.activity.of_user(&user.name, user.last_activity_us).map(iso)),
            _ => self.known_key(&user.name, key),
        }
    }

    /// What memory holds of a user.
    fn known_key(&self, name: &Username, key: &str) -> Value {
        let phase = || self.hub.servers.phase(&ServerId::default_of(name.clone()));
        match key {
            "kind" => "user".into(),
            "name" => name.as_str().into(),
            "admin" => self.directory.is_admin(name).into(),
            "roles" => names(self.directory.roles_of_user(name)),
            "groups" => names(self.directory.groups_of(name)),
            "server" => {
                let path = || self.hub.server_path(&ServerId::default_of(name.clone()));
                json!((phase() == Phase::Running).then(path))
            }
            "pending" => json!(pending(phase())),
            // Neither is kept by this hub.
            _ => Value::Null,
        }
    }

    fn servers(&self, user: &User, known: &[Server], with_stopped: bool) -> Map<String, Value> {
        let mut models = Map::new();
        let default = ServerId::default_of(user.name.clone());
        let unknown = known.iter().all(|server| !server.name.is_default()).then(|| unused(&default));
        for server in unknown.iter().chain(known) {
            let id = ServerId { user: user.name.clone(), server: server.name.clone() };
            let status = self.hub.servers.status(&id);
            if (with_stopped || active(status.phase)) && self.may(&Base::ReadServers, &Target::Server(&id)) {
                models.insert(server.name.to_string(), self.server_as(&id, server, &status));
            }
        }
        models
    }

    /// A server, for a reader who may see it.
    #[must_use]
    pub fn server(&self, id: &ServerId, server: &Server) -> Value {
        self.server_as(id, server, &self.hub.servers.status(id))
    }

    fn server_as(&self, id: &ServerId, server: &Server, status: &ServerStatus) -> Value {
        let (url, progress) = (self.hub.server_path(id), self.hub.progress_url(id));
        let started = server.started_us.filter(|_| active(status.phase));
        let mut model = json!({
            "name": server.name.as_str(),
            "display_name": server.display_name.as_deref().unwrap_or(server.name.as_str()),
            "full_name": format!("{}/{}", id.user, id.server),
            "last_activity": self.hub.activity.of_server(id, server.last_activity_us).map(iso),
            "started": started.map(iso),
            "pending": pending(status.phase),
            "ready": status.phase == Phase::Running,
            "stopped": !active(status.phase),
            "user_options": server.user_options,
            "full_url": self.hub.public(&url),
            "full_progress_url": self.hub.public(&progress),
            "url": url,
            "progress_url": progress,
        });
        if let Some(model) = model.as_object_mut()
            && self.may(&Base::AdminServerState, &Target::Server(id))
        {
            let state = status.pid.map_or_else(|| json!({}), |pid| json!({ "pid": pid }));
            model.insert("state".to_owned(), state);
        }
        model
    }

    /// A service. Empty where the reader may see nothing of it.
    #[must_use]
    pub fn service(&self, service: &Service) -> Map<String, Value> {
        let value = |key: &str| match key {
            "kind" => "service".into(),
            "name" => service.name.as_str().into(),
            "admin" => service.admin.into(),
            "roles" => names(self.directory.roles_of_service(&service.name)),
            "url" => service.url.as_deref().unwrap_or_default().into(),
            "prefix" if service.url.is_some() => self.hub.url(&format!("/services/{}/", service.name)).into(),
            "prefix" => "".into(),
            "command" => json!(service.command),
            "info" => json!(service.info),
            "display" => service.display.into(),
            // The process of a managed service is systemd's to know.
            _ => json!(0),
        };
        let shown = self.shown(&SERVICE_KEYS, &Target::Service(&service.name));
        shown.into_iter().map(|key| (key.to_owned(), value(key))).collect()
    }

    /// The keys that the reader's scopes show of a target.
    fn shown(&self, keys: &[(Base, &'static [&'static str])], target: &Target<'_>) -> BTreeSet<&'static str> {
        let held = keys.iter().filter(|(base, _)| self.may(base, target));
        held.flat_map(|(_, keys)| keys.iter().copied()).collect()
    }

    /// A token without its text.
    #[must_use]
    pub fn token(&self, token: &Token) -> Map<String, Value> {
        let mut model = Map::new();
        let pairs = [
            (token.owner.kind(), token.owner.name().into()),
            ("id", api_id(token).into()),
            ("kind", "api_token".into()),
            ("roles", json!([])),
            ("scopes", json!(self.directory.scopes_of_token(token).to_strings())),
            ("created", iso(token.created_us).into()),
            ("last_activity", json!(token.last_activity_us().map(iso))),
            ("expires_at", json!(token.expires_us.map(iso))),
            ("note", token.note.as_str().into()),
            ("session_id", json!(token.session_id)),
            ("oauth_client", self.client(token).into()),
        ];
        model.extend(pairs.map(|(key, value)| (key.to_owned(), value)));
        model
    }

    fn client(&self, token: &Token) -> String {
        match (&token.issued_to, &token.client) {
            (Some(Client::Server(id)), _) => format!("Server at {}", self.hub.server_path(id)),
            (Some(Client::Service(name)), _) => format!("JupyterHub service {name}"),
            (None, Some(identifier)) => identifier.clone(),
            (None, None) => "JupyterHub".to_owned(),
        }
    }
}

/// What this hub knows of a user beyond JupyterHub's model, where there is something to say.
fn beyond(user: &User) -> impl Iterator<Item = (String, Value)> {
    let standing = &user.standing;
    let told = [
        ("login_name", standing.login.as_ref().map(|login| login.as_str().into())),
        ("display_name", standing.display_name.as_deref().map(Value::from)),
        ("disabled", standing.disabled.then_some(Value::Bool(true))),
        ("expires_at", standing.expires_s.map(|at_s| iso(at_s.saturating_mul(1_000_000)).into())),
        ("refused", standing.refused.as_deref().map(Value::from)),
    ];
    told.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)))
}

/// The default server of somebody who has never used it.
#[must_use]
pub fn unused(id: &ServerId) -> Server {
    Server {
        id: 0,
        user_id: 0,
        name: id.server.clone(),
        display_name: None,
        created_us: 0,
        started_us: None,
        last_activity_us: None,
        user_options: Map::new(),
        last_end: None,
    }
}

/// The name by which a token is spoken of.
#[must_use]
pub fn api_id(token: &Token) -> String {
    format!("a{}", token.id)
}

/// Whether a server does anything at all.
#[must_use]
pub fn active(phase: Phase) -> bool {
    matches!(phase, Phase::Starting | Phase::Running | Phase::Stopping)
}

fn pending(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Starting => Some("spawn"),
        Phase::Stopping => Some("stop"),
        _ => None,
    }
}

fn names<T: ToString>(names: impl IntoIterator<Item = T>) -> Value {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().into()
}
