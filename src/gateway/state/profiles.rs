//! Which kinds of servers somebody may choose, and what a start of one brings along.

use std::collections::{BTreeSet, HashMap};

use hubgate_protocol::{Manner, ServerId, Username};
use parking_lot::RwLock;
use serde_json::Value;

use crate::config::ProfileSpec;
use crate::spawn::Start;
use crate::state::{Hub, blocking};
use crate::store::{Conn, Object, StoreError, accounts, servers, users};

/// The option that names the profile of a start.
pub const OPTION: &str = "profile";

/// The profiles that servers were started with last.
#[derive(Debug, Default)]
pub struct Profiles(RwLock<HashMap<ServerId, String>>);

impl Profiles {
    /// Notes the profile of a start.
    pub fn note(&self, id: &ServerId, profile: Option<&ProfileSpec>) {
        let mut all = self.0.write();
        match profile {
            Some(profile) => all.insert(id.clone(), profile.name.clone()),
            None => all.remove(id),
        };
    }
}

/// There is no profile of that name, or not for this person: that is not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such profile, or it is not for this user")]
pub struct Hidden;

/// What somebody may choose for a server.
#[derive(Debug)]
pub struct Choice<'h> {
    /// The profiles, in the order of the configuration; during an exam the exam's alone.
    pub offered: Vec<&'h ProfileSpec>,
    /// Whether an exam says which one.
    pub forced: bool,
    /// The options of the server's last start.
    pub last: Object,
}

impl<'h> Choice<'h> {
    /// The profile of a start: the one that is asked for, else that of the last start, else the first. `None`: the site has no
    /// profiles, or none for this person.
    ///
    /// # Errors
    /// [`Hidden`]; also where an exam's profile is not in the configuration any more.
    pub fn pick(&self, asked: Option<&str>) -> Result<Option<&'h ProfileSpec>, Hidden> {
        let named = |name: &str| self.offered.iter().copied().find(|profile| profile.name == name);
        match asked {
            Some(name) => named(name).map(Some).ok_or(Hidden),
            None if self.forced && self.offered.is_empty() => Err(Hidden),
            None => Ok(named_in(&self.last).and_then(named).or(self.offered.first().copied())),
        }
    }

    /// The options that are written down for a start of this profile. An exam's profile is none that the owner has chosen.
    #[must_use]
    pub fn options(&self, given: Option<Object>, picked: Option<&ProfileSpec>) -> Object {
        let mut options = given.unwrap_or_else(|| self.last.clone());
        let kept = match picked {
            Some(picked) if !self.forced => Some(Value::from(picked.name.as_str())),
            _ => self.last.get(OPTION).cloned(),
        };
        match kept {
            Some(kept) => options.insert(OPTION.to_owned(), kept),
            None => options.remove(OPTION),
        };
        options
    }
}

impl Hub {
    /// The profile that a server was started with last, if the configuration still has it.
    #[must_use]
    pub fn profile_of(&self, id: &ServerId) -> Option<&ProfileSpec> {
        self.config.profiles.named(self.profiles.0.read().get(id)?)
    }
}

/// What somebody may choose for a server of theirs.
///
/// # Errors
/// When the database fails.
pub async fn choice<'h>(hub: &'h Hub, id: &ServerId) -> Result<Choice<'h>, StoreError> {
    let (store, asked) = (hub.store.clone(), id.clone());
    let read = move || {
        store.read(|c| {
            let last = servers::by_id(c, &asked)?.map(|server| server.user_options);
            Ok((last.unwrap_or_default(), groups_outside(c, &asked.user)?))
        })
    };
    let (last, outside) = blocking(read).await?;
    let forced = hub.forced_profile(&id.user);
    let directory = hub.directory();
    let inside = directory.groups_of(&id.user);
    let member = |group: &String| {
        outside.contains(group) || inside.iter().any(|known| known.as_str() == group.as_str())
    };
    let offers = |profile: &&ProfileSpec| match &forced {
        Some(forced) => profile.name == *forced,
        None => profile.groups.is_empty() || profile.groups.iter().any(member),
    };
    let offered = hub.config.profiles.0.iter().filter(offers).collect();
    Ok(Choice { offered, forced: forced.is_some(), last })
}

/// Groups of the host and of the identity provider, as they were seen last.
fn groups_outside(c: &mut Conn, user: &Username) -> diesel::QueryResult<BTreeSet<String>> {
    let Some(user) = users::by_name(c, user)? else { return Ok(BTreeSet::new()) };
    let of_account = accounts::of_user(c, user.id)?.map(|known| known.account.groups).unwrap_or_default();
    Ok(user.standing.claimed_groups.into_iter().chain(of_account).collect())
}

/// The profile that options name, as a program or a form gives it; `None` where they name none.
#[must_use]
pub fn named_in(options: &Object) -> Option<&str> {
    match options.get(OPTION)? {
        Value::String(name) => Some(name.as_str()),
        Value::Array(all) => all.first().and_then(Value::as_str).or(Some("")),
        Value::Null => None,
        _ => Some(""),
    }
}

/// Puts what the profile says into a start.
pub fn apply(profile: &ProfileSpec, start: &mut Start) {
    start.environment = profile.environment.clone();
    start.manner = Manner {
        default_url: profile.default_url.clone(),
        offline: !profile.network,
        no_terminals: !profile.terminals,
        python: profile.python.clone(),
        modules: profile.modules.clone(),
        login_shell: profile.login_shell,
        command: profile.command.clone(),
        gpus: profile.gpus,
        read_only: profile.read_only_paths.clone(),
        hidden: profile.hidden_paths.clone(),
    };
}

/// Learns the profiles of servers that were started before the gateway was.
///
/// # Errors
/// When the database fails.
pub async fn recall(hub: &Hub) -> Result<(), StoreError> {
    if hub.config.profiles.0.is_empty() {
        return Ok(());
    }
    let store = hub.store.clone();
    let started = blocking(move || store.read(servers::started)).await?;
    let mut all = hub.profiles.0.write();
    for (id, options) in started {
        let name = hub.forced_profile(&id.user).or_else(|| named_in(&options).map(str::to_owned));
        if let Some(name) = name {
            all.entry(id).or_insert(name);
        }
    }
    Ok(())
}
