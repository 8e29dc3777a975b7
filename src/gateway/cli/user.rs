//! `hubgate user`: the users of the file authenticator.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hubgate_protocol::Username;
use openssl::asn1::Asn1Time;

use super::newcomer::Taken;
use super::{Failure, failure, import, instance, prompt, terminal};
use crate::clock::Clock;
use crate::config::{Authenticator, Config};
use crate::password;
use crate::store::{NewUser, Store, StoreError, User, users};

/// Users printed at once.
const PAGE: i64 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a user. Asks for the password twice.
    Add {
        /// Name: a-z, 0-9, _, - and single dots, beginning with a letter or _; at most 32.
        name: String,
        /// Make the user an administrator of the hub.
        #[arg(long)]
        admin: bool,
        /// Read the password as one line from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a user's password. All sessions of the user end.
    Passwd {
        /// Whose.
        name: String,
        /// Read the password as one line from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Remove a user. All sessions of the user end; files and a running server stay.
    Del {
        /// Whom.
        name: String,
    },
    /// List the users: name, administrator or not, where the password is, first seen, last login.
    List,
    /// Add the users of a CSV file: all its rows or none.
    ///
    /// The first line is "user,passwd" (or "username,password"), with "admin" (true or false) as a third column if
    /// wanted. UTF-8, at most 2 MiB and 10000 rows. Passwords are plain text there and stored as hashes only.
    Import {
        /// The file.
        file: PathBuf,
        /// Give users who exist already the password, and the admin column if there is one, of the file.
        #[arg(long)]
        update: bool,
    },
}

pub(super) fn run(config: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { name, admin, password_stdin } => add(config, &name, admin, password_stdin),
        Command::Passwd { name, password_stdin } => passwd(config, &name, password_stdin),
        Command::Del { name } => del(config, &name),
        Command::List => list(config),
        Command::Import { file, update } => import::run(config, &file, update),
    }
}

/// The instance, if its passwords are in the database.
pub(super) fn with_passwords(path: &Path) -> Result<Store, Failure> {
    let (config, store) = instance(path)?;
    refuse_pam(&config, path)?;
    Ok(store)
}

fn refuse_pam(config: &Config, path: &Path) -> Result<(), Failure> {
    if config.authenticator == Authenticator::File {
        return Ok(());
    }
    failure(format!(
        "{} says authenticator = \"pam\": users and passwords are the host's (adduser, passwd), administrators are \
         named in admin_users; set authenticator = \"file\" to keep users here",
        path.display()
    ))
}

fn no_user<T>(name: &str) -> Result<T, Failure> {
    failure(format!("there is no user {name}; `hubgate user list` shows all"))
}

/// A name that belongs to somebody already, so that its form is all that can be wrong with it.
fn existing(name: &str) -> Result<Username, Failure> {
    name.parse().map_err(|error| Failure(format!("{name:?}: {error}")))
}

fn add(path: &Path, name: &str, admin: bool, password_stdin: bool) -> Result<(), Failure> {
    let name = Taken::read().parse(name, admin).map_err(|error| Failure(format!("{name:?}: {error}")))?;
    let store = with_passwords(path)?;
    let taken = || {
        failure(format!("there already is a user {name}; `hubgate user passwd {name}` changes the password"))
    };
    if store.read(|c| users::by_name(c, &name))?.is_some() {
        return taken();
    }
    let password = prompt::new_password(password_stdin, name.as_str())?;
    let hash = password::hash(&password)?;
    let created_s = Clock::System.now_s();
    let new = NewUser { name: name.clone(), admin, password_hash: Some(hash), created_s };
    match store.write(|c| users::insert(c, &new)) {
        Err(StoreError::Exists) => taken(),
        other => {
            other?;
            terminal::say(&format!("user {name} added{}", if admin { " as administrator" } else { "" }))
        }
    }
}

fn passwd(path: &Path, name: &str, password_stdin: bool) -> Result<(), Failure> {
    let known = existing(name)?;
    let store = with_passwords(path)?;
    if store.read(|c| users::by_name(c, &known))?.is_none() {
        return no_user(name);
    }
    let password = prompt::new_password(password_stdin, name)?;
    let hash = password::hash(&password)?;
    match store.write(|c| users::set_password(c, &known, &hash)) {
        Err(StoreError::NotFound) => no_user(name),
        other => {
            other?;
            terminal::say(&format!("password of {name} changed; all sessions of {name} have ended"))
        }
    }
}

fn del(path: &Path, name: &str) -> Result<(), Failure> {
    let known = existing(name)?;
    let (_, store) = instance(path)?;
    if !store.write(|c| users::delete(c, &known))? {
        return no_user(name);
    }
    terminal::say(&format!("user {name} removed; all sessions of {name} have ended"))
}

fn list(path: &Path) -> Result<(), Failure> {
    let (config, store) = instance(path)?;
    terminal::print(&row(["NAME", "ADMIN", "PASSWORD", "FIRST SEEN", "LAST LOGIN"]))?;
    let mut after = None;
    loop {
        let page = store.read(|c| users::page(c, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.name.clone());
        let lines: String = page.iter().map(|user| line(&config, user)).collect();
        terminal::print(&lines)?;
    }
}

fn line(config: &Config, user: &User) -> String {
    let admin = user.admin || config.admin_users.contains(&user.name);
    let admin = if admin { "yes" } else { "no" };
    let password = if user.password_hash.is_some() { "here" } else { "pam" };
    let last = user.last_login_s.map_or_else(|| "never".to_owned(), moment);
    row([user.name.as_str(), admin, password, &moment(user.created_s), &last])
}

fn row(cells: [&str; 5]) -> String {
    let [name, admin, password, created, last] = cells;
    format!("{name:<32}  {admin:<5}  {password:<8}  {created:<24}  {last}\n")
}

fn moment(at_s: i64) -> String {
    Asn1Time::from_unix(at_s).map_or_else(|_| at_s.to_string(), |time| time.to_string())
}
