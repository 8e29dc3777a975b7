//! `hubgate token`: a token for somebody, printed alone, so that a script can take it.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use hubgate_protocol::Username;

use super::{Failure, audited, done, failure, rights, terminal};
use crate::clock::Clock;
use crate::config::{Config, services};
use crate::domain::audit::Action;
use crate::domain::entity::RoleName;
use crate::domain::scope::{Base, Owner, Scope, expand};
use crate::state::{Directory, Facts, Site, key, tokens};
use crate::store::tokens::{self as rows, NewToken};
use crate::store::{Store, users};

/// What such a token is noted as.
const NOTE: &str = "Generated at command line";
/// Longest note in characters, as JupyterHub's.
const NOTE_MAX: usize = 1023;
const SECOND_US: i64 = 1_000_000;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose token: a user of the hub.
    name: String,
    /// What it may do; may be given many times. Default: inherit, everything that the user may do.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A role whose scopes it gets; may be given many times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// When it ends. Default: never.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    expires_in: Option<u32>,
    /// What it is for, as lists of tokens show it.
    #[arg(long, value_name = "TEXT", default_value = NOTE)]
    note: String,
}

pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let services = services::load(&config.services_file)?;
    rights::become_owner_of(&config.state_dir)?;
    let store = Store::open(&config.database())?;
    let key = key::load_or_make(&config.key())?;
    let site = Site::new(&config, &services, &key).map_err(|complaints| Failure(complaints.join("\n")))?;
    let directory = Directory::new(Arc::new(site), store.read(|c| Facts::read(c, &config.admin_groups))?);
    let new = token(arguments, &store, &directory)?;
    let text = tokens::random()?;
    let (hash, now_us) = (tokens::hash(text.expose()), Clock::System.now_us());
    let owner: Username = arguments.name.parse()?;
    audited(&store, &done(Action::TokenMade, &owner), |c| rows::insert(c, &hash, &new, now_us))?;
    terminal::print(&format!("{}\n", text.expose()))
}

fn token(arguments: &Arguments, store: &Store, directory: &Directory) -> Result<NewToken, Failure> {
    let absent = || Failure(format!("there is no user {}; `hubgate user list` shows all", arguments.name));
    let user: Username = arguments.name.parse().map_err(|_| absent())?;
    store.read(|c| users::by_name(c, &user))?.ok_or_else(absent)?;
    if arguments.note.chars().count() > NOTE_MAX {
        return failure(format!("the note is longer than {NOTE_MAX} characters"));
    }
    let owner = Owner::User(user);
    let scopes = scopes(arguments, directory)?;
    let wanted: Vec<Scope> = scopes.iter().filter(|scope| scope.base != Base::Inherit).cloned().collect();
    let missing =
        expand(&wanted, &owner, None, directory.custom()).missing(&directory.scopes_of(&owner), directory);
    if !missing.is_empty() {
        let name = &arguments.name;
        return failure(format!(
            "{name} may not do that: {}; give {name} a role with it in load_roles, or leave it out",
            missing.join(", ")
        ));
    }
    let life_us = arguments.expires_in.map(|seconds| i64::from(seconds).saturating_mul(SECOND_US));
    Ok(NewToken {
        owner,
        client: None,
        server: None,
        session_id: None,
        expires_us: life_us.map(|life_us| Clock::System.now_us().saturating_add(life_us)),
        note: arguments.note.clone(),
        scopes,
    })
}

fn scopes(arguments: &Arguments, directory: &Directory) -> Result<Vec<Scope>, Failure> {
    let mut scopes = Vec::new();
    for text in &arguments.scopes {
        scopes.push(Scope::read(text, directory.custom())?);
    }
    for name in &arguments.roles {
        let role = name.parse::<RoleName>().ok().and_then(|name| directory.role(&name));
        let role =
            role.ok_or_else(|| Failure(format!("there is no role {name}; roles are named in load_roles")))?;
        scopes.extend(role.scopes.iter().cloned());
    }
    if scopes.is_empty() {
        scopes.push(Scope::unfiltered(Base::Inherit));
    }
    Ok(scopes)
}
