//! `hubgate user`: the hub's own users, and accounts of the host that hubgate makes.

use std::path::Path;

use clap::Subcommand;
use hubgate_protocol::Username;
use openssl::asn1::Asn1Time;

use super::account::{self, HomeChoice};
use super::{Failure, audited, done, failure, identity, import, instance, prompt, reset, standing, terminal};
use crate::clock::Clock;
use crate::config::{Authenticator, Config};
use crate::domain::audit::Action;
use crate::password;
use crate::state::{newcomers, passwords};
use crate::store::passwords::{self as rows, NewPassword};
use crate::store::{NewUser, Standing, Store, StoreError, User, users};

/// Users printed at once.
const PAGE: i64 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a user. Asks for the password twice. With PAM: have an account of the host made, with a one-time password.
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
    /// Print a link by which a user chooses a new password: it works once and for a day. The old password stays until then.
    Reset {
        /// Whose.
        name: String,
    },
    /// Remove a user. All sessions of the user end; files and a running server stay.
    Del {
        /// Whom.
        name: String,
        /// With PAM: remove the account of the host too, if hubgate made it, and do so with its home.
        #[arg(long, value_enum)]
        home: Option<HomeChoice>,
    },
    /// Lock an account of the host that hubgate made: nobody can log in to it.
    Lock {
        /// Whose.
        name: String,
    },
    /// Unlock an account of the host that hubgate made.
    Unlock {
        /// Whose.
        name: String,
    },
    /// Forget who a user is at an identity provider. Whoever logs in there next under that name becomes the user.
    ForgetIdentity {
        /// Whose.
        name: String,
    },
    /// Take every second factor from a user who has lost theirs. All sessions of the user end.
    ResetFactor {
        /// Whose.
        name: String,
    },
    /// Lock a user out: sessions end within two seconds, tokens open nothing; files and servers stay.
    Disable {
        /// Whom.
        name: String,
    },
    /// Let a user in again who was locked out.
    Enable {
        /// Whom.
        name: String,
    },
    /// Say when somebody stops being a user, like 2027-03-31 or 2027-03-31T18:00:00Z; without a date: never.
    Expire {
        /// Who.
        name: String,
        /// When; a day begins at 0:00 UTC.
        date: Option<String>,
    },
    /// Accept that another account of the host has a user's name now. Tokens of the account before end.
    Confirm {
        /// Whose.
        name: String,
    },
    /// List the users: name, administrator or not, where the password is, first seen, last login.
    List,
    /// Take over the users of a CSV file: all its rows or none.
    ///
    /// The first line names the columns: user, then any of passwd, groups (with ; between them), admin (true or false),
    /// display_name, login and expires (a day). UTF-8, at most 2 MiB and 10000 rows. A column that the file does not have
    /// changes nothing; an empty cell says none, but for passwd. Passwords are plain text there and stored as hashes only;
    /// a weak one must be changed at the first login.
    Import(import::Arguments),
    /// Print all users as such a file, without passwords.
    Export,
}

pub(super) fn run(config: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { name, admin, password_stdin } => add(config, &name, admin, password_stdin),
        Command::Passwd { name, password_stdin } => passwd(config, &name, password_stdin),
        Command::Reset { name } => reset::run(config, &name),
        Command::ForgetIdentity { name } => identity::forget(config, &name),
        Command::Del { name, home } => del(config, &name, home),
        Command::Lock { name } => account::lock(config, &name, true),
        Command::Unlock { name } => account::lock(config, &name, false),
        Command::ResetFactor { name } => reset::factor(config, &name),
        Command::Disable { name } => standing::disable(config, &name, true),
        Command::Enable { name } => standing::disable(config, &name, false),
        Command::Expire { name, date } => standing::expire(config, &name, date.as_deref()),
        Command::Confirm { name } => standing::confirm(config, &name),
        Command::List => list(config),
        Command::Import(arguments) => import::run(config, &arguments),
        Command::Export => import::export(config),
    }
}

/// The instance, if its passwords are in the database.
pub(super) fn with_passwords(path: &Path) -> Result<(Config, Store), Failure> {
    let (config, store) = instance(path)?;
    refuse_pam(&config, path)?;
    Ok((config, store))
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

pub(super) fn no_user<T>(name: &str) -> Result<T, Failure> {
    failure(format!("there is no user {name}; `hubgate user list` shows all"))
}

/// A name that belongs to somebody already, so that its form is all that can be wrong with it.
pub(super) fn existing(name: &str) -> Result<Username, Failure> {
    name.parse().map_err(|error| Failure(format!("{name:?}: {error}")))
}

fn add(path: &Path, name: &str, admin: bool, password_stdin: bool) -> Result<(), Failure> {
    if Config::load(path)?.authenticator != Authenticator::File {
        return account::add(path, name, admin, password_stdin);
    }
    let name =
        newcomers::taken().parse(name, admin).map_err(|error| Failure(format!("{name:?}: {error}")))?;
    let (config, store) = with_passwords(path)?;
    let taken = || {
        failure(format!("there already is a user {name}; `hubgate user passwd {name}` changes the password"))
    };
    if store.read(|c| users::by_name(c, &name))?.is_some() {
        return taken();
    }
    let password = prompt::new_password(password_stdin, name.as_str())?;
    passwords::strength(&config).check(&password, &[name.as_str()])?;
    let hash = password::hash(&password)?;
    let created_s = Clock::System.now_s();
    let new = NewUser {
        name: name.clone(),
        admin,
        password_hash: Some(hash),
        created_s,
        standing: Standing::default(),
    };
    match audited(&store, &done(Action::UserAdded, &name), |c| users::insert(c, &new)) {
        Err(StoreError::Exists) => taken(),
        other => {
            other?;
            terminal::say(&format!("user {name} added{}", if admin { " as administrator" } else { "" }))
        }
    }
}

fn passwd(path: &Path, name: &str, password_stdin: bool) -> Result<(), Failure> {
    let known = existing(name)?;
    let (config, store) = with_passwords(path)?;
    let Some(owner) = store.read(|c| users::by_name(c, &known))? else { return no_user(name) };
    let password = prompt::new_password(password_stdin, name)?;
    passwords::check(&config, &password, &owner)?;
    let new =
        NewPassword { hash: password::hash(&password)?, must_change: false, now_s: Clock::System.now_s() };
    match audited(&store, &done(Action::PasswordChanged, &known), |c| rows::set(c, &known, &new)) {
        Err(StoreError::NotFound) => no_user(name),
        other => {
            other?;
            terminal::say(&format!("password of {name} changed; all sessions of {name} have ended"))
        }
    }
}

fn del(path: &Path, name: &str, home: Option<HomeChoice>) -> Result<(), Failure> {
    let known = existing(name)?;
    if let Some(home) = home {
        account::remove(path, &known, home)?;
    }
    let (_, store) = instance(path)?;
    if store.read(|c| users::by_name(c, &known))?.is_none() {
        return no_user(name);
    }
    audited(&store, &done(Action::UserDeleted, &known), |c| users::delete(c, &known))?;
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
