//! What a JupyterHub's database holds, put into the hub's own: what cannot be taken over is named, the rest is.

use std::collections::HashMap;

use diesel::QueryResult;
use hubgate_protocol::{LoginName, ServerId, Username};

use super::report::Report;
use crate::domain::entity::GroupName;
use crate::domain::imported::ImportedHash;
use crate::domain::newcomer::Taken;
use crate::domain::scope::{CustomScopes, Filter, Owner, Scope, ScopeFilter};
use crate::domain::timestamp;
use crate::store::jupyterhub::{HubGroup, HubServer, HubShare, HubToken, HubUser, Snapshot};
use crate::store::servers::Change;
use crate::store::shares::With;
use crate::store::tokens::NewToken;
use crate::store::users::Standing;
use crate::store::{Conn, NewUser, Object, groups, servers, shares, standing, tokens, users};

/// Longest note of a token, in characters.
const NOTE_MAX: usize = 1023;
/// Longest name of a server for people, in characters.
const DISPLAY_NAME_MAX: usize = 1024;

/// What is known besides the database.
pub(super) struct Around<'a> {
    /// Names that nobody gets.
    pub(super) taken: &'a Taken,
    /// Scopes of the site's own.
    pub(super) custom: &'a CustomScopes,
    /// Now, microseconds since 1970.
    pub(super) now_us: i64,
}

/// An adoption under way.
struct Adoption<'a> {
    c: &'a mut Conn,
    around: &'a Around<'a>,
    /// Users by their names there.
    users: HashMap<&'a str, Username>,
    report: Report,
}

/// Takes over everything that can be, within the caller's transaction. What is there already stays as it is.
pub(super) fn adopt(c: &mut Conn, from: &Snapshot, around: &Around<'_>) -> QueryResult<Report> {
    let mut adoption = Adoption { c, around, users: HashMap::new(), report: Report::default() };
    for user in &from.users {
        adoption.user(user)?;
    }
    for group in &from.groups {
        adoption.group(group)?;
    }
    for server in &from.servers {
        adoption.server(server)?;
    }
    for token in &from.tokens {
        adoption.token(token)?;
    }
    for share in &from.shares {
        adoption.share(share)?;
    }
    Ok(adoption.report)
}

fn time(text: Option<&String>) -> Option<i64> {
    text.and_then(|text| timestamp::parse(text))
}

fn object(text: Option<&String>) -> Object {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn list(text: Option<&String>) -> Vec<String> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

impl<'a> Adoption<'a> {
    fn user(&mut self, user: &'a HubUser) -> QueryResult<()> {
        let named: Result<(LoginName, Username), String> = user
            .name
            .parse::<LoginName>()
            .map_err(|error| error.to_string())
            .map(|login| (login.id(), login))
            .and_then(|(id, login)| match self.around.taken.parse(id.as_str(), user.admin) {
                Ok(id) => Ok((login, id)),
                Err(error) => Err(error.to_string()),
            });
        let (login, name) = match named {
            Ok(both) => both,
            Err(why) => {
                self.report.leave_out(format!("user {:?}: {why}", user.name));
                return Ok(());
            }
        };
        let known = match standing::by_login(self.c, &login)? {
            Some(known) => Some(known),
            None => users::by_name(self.c, &name)?,
        };
        let name = known.as_ref().map_or(name, |known| known.name.clone());
        if known.is_none() {
            self.add_user(&name, login, user)?;
        }
        let is_new = known.is_none();
        self.report.count("users", is_new);
        self.users.insert(&user.name, name);
        Ok(())
    }

    fn add_user(&mut self, name: &Username, login: LoginName, user: &HubUser) -> QueryResult<()> {
        let created_us = time(user.created.as_ref()).unwrap_or(self.around.now_us);
        let login = Some(login).filter(|login| login.as_str() != name.as_str());
        let new = NewUser {
            name: name.clone(),
            admin: user.admin,
            password_hash: None,
            created_s: created_us / 1_000_000,
            standing: Standing { login, ..Standing::default() },
        };
        users::insert(self.c, &new)?;
        let last_us = time(user.last_activity.as_ref());
        users::touch(self.c, &last_us.map(|at_us| (name.clone(), at_us)).into_iter().collect::<Vec<_>>())
    }

    fn group(&mut self, group: &HubGroup) -> QueryResult<()> {
        let name: GroupName = match group.name.parse() {
            Ok(name) => name,
            Err(error) => {
                self.report.leave_out(format!("group {:?}: {error}", group.name));
                return Ok(());
            }
        };
        let known = groups::by_name(self.c, &name)?;
        self.report.count("groups", known.is_none());
        let properties = object(group.properties.as_ref());
        let id = match known {
            // One that the configuration has just made has none of its own.
            Some(known) if known.properties.is_empty() => {
                groups::set_properties(self.c, known.id, &properties)?;
                known.id
            }
            Some(known) => known.id,
            None => groups::insert(self.c, &name, &properties)?,
        };
        let mut members = Vec::new();
        for user in group.users.iter().filter_map(|user| self.users.get(user.as_str())) {
            members.push(users::id_of(self.c, user)?);
        }
        groups::add_members(self.c, id, &members)
    }

    /// The id of a server; says why there is none.
    fn server_id(&self, user: &str, server: &str) -> Result<ServerId, String> {
        let user = self.users.get(user).ok_or("its user was left out")?.clone();
        let server = server.parse().map_err(|error| format!("{error}"))?;
        Ok(ServerId { user, server })
    }

    fn server(&mut self, server: &HubServer) -> QueryResult<()> {
        let id = match self.server_id(&server.user, &server.name) {
            Ok(id) => id,
            Err(why) => {
                self.report.leave_out(format!("server {:?} of {:?}: {why}", server.name, server.user));
                return Ok(());
            }
        };
        let is_new = servers::by_id(self.c, &id)?.is_none();
        self.report.count("servers", is_new);
        if !is_new {
            return Ok(());
        }
        let last_us = time(server.last_activity.as_ref());
        servers::insert(self.c, &id, last_us.unwrap_or(self.around.now_us))?;
        let fits = |name: &String| !name.is_empty() && name.chars().count() <= DISPLAY_NAME_MAX;
        let change = Change {
            name: None,
            display_name: server.display_name.clone().filter(fits).map(Some),
            user_options: Some(object(server.user_options.as_ref())),
        };
        servers::change(self.c, &id, &change)?;
        servers::touch(self.c, &last_us.map(|at_us| (id, at_us)).into_iter().collect::<Vec<_>>())
    }

    fn token(&mut self, token: &HubToken) -> QueryResult<()> {
        match self.new_token(token) {
            Ok((hash, new)) => {
                let created_us = time(token.created.as_ref()).unwrap_or(self.around.now_us);
                let times = (created_us, time(token.last_activity.as_ref()));
                let id = tokens::adopt(self.c, &hash, &new, times)?;
                self.report.count("tokens", id.is_some());
            }
            Err(why) => {
                let note = token.note.as_deref().unwrap_or_default();
                self.report.leave_out(format!("token a{} of {:?} ({note:?}): {why}", token.id, token.user));
            }
        }
        Ok(())
    }

    /// The token as it is kept here; says why it cannot be.
    fn new_token(&self, token: &HubToken) -> Result<(ImportedHash, NewToken), String> {
        let user = self.users.get(token.user.as_str()).ok_or("its user was left out")?.clone();
        let (prefix, hashed) = (token.prefix.as_deref(), token.hashed.as_deref());
        let kept = format!("{}:{}", prefix.unwrap_or_default(), hashed.unwrap_or_default());
        let hash: ImportedHash = kept.parse().map_err(|error| format!("{error}"))?;
        let scopes = self.scopes(token.scopes.as_ref())?;
        let new = NewToken {
            owner: Owner::User(user),
            client: None,
            server: None,
            session_id: None,
            expires_us: time(token.expires_at.as_ref()),
            note: token.note.iter().flat_map(|note| note.chars()).take(NOTE_MAX).collect(),
            scopes,
        };
        Ok((hash, new))
    }

    fn scopes(&self, texts: Option<&String>) -> Result<Vec<Scope>, String> {
        let read = |text: &String| Scope::read(text, self.around.custom).map_err(|error| error.to_string());
        list(texts).iter().map(read).collect()
    }

    fn share(&mut self, share: &HubShare) -> QueryResult<()> {
        match self.new_share(share) {
            Ok((server, with, scopes)) => {
                servers::ensure(self.c, &server, self.around.now_us)?;
                let is_new = shares::find(self.c, &server, &with)?.is_none();
                let created_us = time(share.created_at.as_ref()).unwrap_or(self.around.now_us);
                if is_new {
                    shares::grant(self.c, &server, &with, &scopes, created_us)?;
                }
                self.report.count("shares", is_new);
            }
            Err(why) => {
                let with = share.user.as_ref().or(share.group.as_ref()).map_or("", String::as_str);
                let line = format!("share of {:?}/{:?} with {with:?}: {why}", share.owner, share.server);
                self.report.leave_out(line);
            }
        }
        Ok(())
    }

    fn new_share(&self, share: &HubShare) -> Result<(ServerId, With, Vec<Scope>), String> {
        let server = self.server_id(&share.owner, &share.server)?;
        let with = match (&share.user, &share.group) {
            (Some(user), _) => {
                let user = self.users.get(user.as_str()).ok_or("that user was left out")?;
                With::User(user.clone())
            }
            (None, Some(group)) => With::Group(group.parse().map_err(|error| format!("{error}"))?),
            (None, None) => return Err("it is with nobody".to_owned()),
        };
        let filter = || Some(ScopeFilter::Of(Filter::Server(server.clone())));
        let scopes = self.scopes(share.scopes.as_ref())?;
        let scopes = scopes.into_iter().map(|scope| Scope { filter: filter(), ..scope }).collect();
        Ok((server, with, scopes))
    }
}
