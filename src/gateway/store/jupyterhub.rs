//! A JupyterHub's own database, read and never written: what of it another hub can take over.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::Text;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::engine::{self, Conn, Transaction};
use super::{StoreError, open};

/// Everything that was read, in the words of that database: names and scopes are still to be judged.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// In the order in which they were made.
    pub users: Vec<HubUser>,
    /// In the order in which they were made.
    pub groups: Vec<HubGroup>,
    /// Roles that are not the server's or a token's own.
    pub roles: Vec<HubRole>,
    /// Servers that somebody has used or named.
    pub servers: Vec<HubServer>,
    /// Tokens of users for the API, those of servers and of OAuth left out.
    pub tokens: Vec<HubToken>,
    /// Shares with users and groups.
    pub shares: Vec<HubShare>,
    /// Names of services that have tokens.
    pub services: Vec<String>,
    /// Whether NativeAuthenticator kept passwords beside.
    pub native_passwords: bool,
}

/// A user of a JupyterHub. Times are text here and below, as SQLAlchemy writes them, in UTC.
#[derive(Debug, Clone, Deserialize)]
pub struct HubUser {
    /// The name, of any form.
    pub name: String,
    /// Administrator by the flag or by the role.
    pub admin: bool,
    /// First seen.
    pub created: Option<String>,
    /// Last use.
    pub last_activity: Option<String>,
}

/// A group.
#[derive(Debug, Clone, Deserialize)]
pub struct HubGroup {
    /// The name, of any form.
    pub name: String,
    /// A JSON object, as text.
    pub properties: Option<String>,
    /// Names of its users.
    pub users: Vec<String>,
}

/// A role and who has it.
#[derive(Debug, Clone, Deserialize)]
pub struct HubRole {
    /// The name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// A JSON list, as text.
    pub scopes: Option<String>,
    /// Names of users.
    pub users: Vec<String>,
    /// Names of groups.
    pub groups: Vec<String>,
    /// Names of services.
    pub services: Vec<String>,
}

/// A server.
#[derive(Debug, Clone, Deserialize)]
pub struct HubServer {
    /// Whose.
    pub user: String,
    /// Empty for the default server.
    pub name: String,
    /// As people call it.
    pub display_name: Option<String>,
    /// Last use.
    pub last_activity: Option<String>,
    /// A JSON object, as text.
    pub user_options: Option<String>,
}

/// A token; its text is nowhere.
#[derive(Debug, Clone, Deserialize)]
pub struct HubToken {
    /// Its number there.
    pub id: i64,
    /// Whose.
    pub user: String,
    /// What it begins with.
    pub prefix: Option<String>,
    /// Algorithm, rounds, salt and digest.
    pub hashed: Option<String>,
    /// When it was made.
    pub created: Option<String>,
    /// When it ends.
    pub expires_at: Option<String>,
    /// Last use.
    pub last_activity: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// A JSON list, as text.
    pub scopes: Option<String>,
}

/// A share.
#[derive(Debug, Clone, Deserialize)]
pub struct HubShare {
    /// Whose server.
    pub owner: String,
    /// Which one.
    pub server: String,
    /// With which user.
    pub user: Option<String>,
    /// With which group.
    pub group: Option<String>,
    /// A JSON list, as text.
    pub scopes: Option<String>,
    /// When it was made.
    pub created_at: Option<String>,
}

const USERS: &str = "SELECT json_object('name', u.name, 'created', u.created, 'last_activity', u.last_activity, \
    'admin', json(iif(coalesce(u.admin, 0) <> 0 OR EXISTS (SELECT 1 FROM user_role_map m JOIN roles r ON r.id = m.role_id \
    WHERE m.user_id = u.id AND r.name = 'admin'), 'true', 'false'))) AS entry FROM users u WHERE u.name IS NOT NULL ORDER BY u.id";
const GROUPS: &str = "SELECT json_object('name', g.name, 'properties', g.properties, 'users', json((SELECT \
    json_group_array(u.name) FROM user_group_map m JOIN users u ON u.id = m.user_id WHERE m.group_id = g.id))) AS entry \
    FROM groups g WHERE g.name IS NOT NULL ORDER BY g.id";
const ROLES: &str = "SELECT json_object('name', r.name, 'description', r.description, 'scopes', r.scopes, \
    'users', json((SELECT json_group_array(u.name) FROM user_role_map m JOIN users u ON u.id = m.user_id WHERE m.role_id = r.id)), \
    'groups', json((SELECT json_group_array(g.name) FROM group_role_map m JOIN groups g ON g.id = m.group_id WHERE m.role_id = r.id)), \
    'services', json((SELECT json_group_array(s.name) FROM service_role_map m JOIN services s ON s.id = m.service_id \
    WHERE m.role_id = r.id))) AS entry FROM roles r WHERE r.name NOT IN ('server', 'token') ORDER BY r.id";
const SERVERS: &str = "SELECT json_object('user', u.name, 'name', coalesce(s.name, ''), 'display_name', s.display_name, \
    'last_activity', s.last_activity, 'user_options', s.user_options) AS entry \
    FROM spawners s JOIN users u ON u.id = s.user_id ORDER BY s.id";
const TOKENS: &str = "SELECT json_object('id', t.id, 'user', u.name, 'prefix', t.prefix, 'hashed', t.hashed, \
    'created', t.created, 'expires_at', t.expires_at, 'last_activity', t.last_activity, 'note', t.note, \
    'scopes', t.scopes) AS entry FROM api_tokens t JOIN users u ON u.id = t.user_id \
    WHERE (t.client_id IS NULL OR t.client_id = 'jupyterhub') AND (t.note IS NULL OR t.note NOT LIKE 'Server at %') \
    AND (t.expires_at IS NULL OR t.expires_at > datetime('now')) ORDER BY t.id";
const SHARES: &str = "SELECT json_object('owner', o.name, 'server', coalesce(s.name, ''), 'user', u.name, 'group', g.name, \
    'scopes', h.scopes, 'created_at', h.created_at) AS entry FROM shares h JOIN spawners s ON s.id = h.spawner_id \
    JOIN users o ON o.id = h.owner_id LEFT JOIN users u ON u.id = h.user_id LEFT JOIN groups g ON g.id = h.group_id \
    WHERE h.expires_at IS NULL OR h.expires_at > datetime('now') ORDER BY h.id";
const SERVICES: &str = "SELECT json_quote(name) AS entry FROM services WHERE name IS NOT NULL ORDER BY id";
const NATIVE: &str =
    "SELECT json_quote(name) AS entry FROM sqlite_schema WHERE type = 'table' AND name = 'users_info'";

#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = Text)]
    entry: String,
}

fn all<T: DeserializeOwned>(c: &mut Conn, query: &str) -> QueryResult<Vec<T>> {
    let entries: Vec<Entry> = diesel::sql_query(query).load(c)?;
    let read = |entry: &Entry| {
        serde_json::from_str(&entry.entry)
            .map_err(|error| diesel::result::Error::DeserializationError(error.into()))
    };
    entries.iter().map(read).collect()
}

/// Reads a database of JupyterHub 5.0 or newer, as it is at one moment; JupyterHub may run.
///
/// # Errors
/// [`StoreError::Refused`] for a file that cannot be opened, or that is not such a database.
pub fn read(path: &Path) -> Result<Snapshot, StoreError> {
    let refused = |why: &dyn std::fmt::Display| open::refused(path, &why.to_string());
    let absolute = path.canonicalize().map_err(|error| refused(&error))?;
    let text = absolute.to_str().ok_or_else(|| refused(&"the path is not UTF-8"))?;
    // SQLite decodes %XX in file names of this form; a slash may be written so too.
    let url = format!("file:{}?mode=ro", utf8_percent_encode(text, NON_ALPHANUMERIC));
    let mut conn = engine::connect(&url).map_err(|error| refused(&error))?;
    snapshot(&mut conn).map_err(|error| {
        refused(&format!(
            "is not a database of JupyterHub 5.0 or newer ({error}); bring an older one up to date with `jupyterhub \
             upgrade-db` first"
        ))
    })
}

fn snapshot(conn: &mut Conn) -> QueryResult<Snapshot> {
    engine::prepare_foreign(conn)?;
    let mut transaction = Transaction::begin_reading(conn)?;
    let c = transaction.conn();
    Ok(Snapshot {
        users: all(c, USERS)?,
        groups: all(c, GROUPS)?,
        roles: all(c, ROLES)?,
        servers: all(c, SERVERS)?,
        tokens: all(c, TOKENS)?,
        shares: all(c, SHARES)?,
        services: all(c, SERVICES)?,
        native_passwords: !all::<String>(c, NATIVE)?.is_empty(),
    })
}
