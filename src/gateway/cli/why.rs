//! `hubgate why`: every rule about one user in its order, what it says, and which one decides.

use std::path::Path;

use clap::Args;
use hubgate_protocol::{LoginName, Username};

use super::{Failure, failure, instance, terminal};
use crate::clock::Clock;
use crate::config::{Authenticator, Config};
use crate::domain::account::Account;
use crate::domain::admission::{AccountTrouble, Candidate, Rules, Says, Walk};
use crate::spawn::SpawnClient;
use crate::spawn::client::Lookup;
use crate::state::{access, admission};
use crate::store::accounts::{self, Known};
use crate::store::{User, standing};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whom it is about: a user, or a login name as it is typed.
    user: String,
    /// A group that an identity provider would name at the next login; may be given many times. Default: those that it named
    /// at the last one.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
}

/// What is known of the account behind a user.
struct Behind {
    found: Option<Lookup>,
    known: Known,
}

pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let (config, store) = instance(path)?;
    let rules = admission::rules(&config);
    let typed = arguments.user.as_str();
    let login = rules.login(typed).or_else(|| typed.parse().ok());
    let Some(login) = login else { return failure(format!("{typed:?} cannot be a login name")) };
    let (user, known) = store.read(|c| {
        let user = match standing::by_login(c, &login)? {
            None => standing::named(c, typed)?,
            user => user,
        };
        let known = user.as_ref().map(|user| accounts::of_user(c, user.id)).transpose()?.flatten();
        Ok((user, known.unwrap_or_default()))
    })?;
    let found = match config.authenticator {
        Authenticator::Pam => look_up(&config, user.as_ref().map_or(login.clone(), access::account_name)),
        _ => None,
    };
    let name = user.as_ref().map_or_else(|| login.id(), |user| user.name.clone());
    let behind = Behind { found, known };
    let mut text = person(&name, &login, user.as_ref());
    text.push_str(&account(&config, &behind));
    let who = candidate(&config, (user.as_ref(), &name, &login), &behind, &arguments.groups);
    text.push_str(&groups(user.as_ref(), &who, arguments));
    text.push('\n');
    text.push_str(&rows(&rules, &who, &name));
    terminal::print(&text)
}

fn look_up(config: &Config, login: LoginName) -> Option<Lookup> {
    let spawner = SpawnClient::new(config.spawner_socket.clone());
    actix_web::rt::System::new().block_on(async move { spawner.accounts(&[login]).await.pop().flatten() })
}

fn person(name: &Username, login: &LoginName, user: Option<&User>) -> String {
    let seen = match user {
        None => "not known to this hub yet",
        Some(user) if user.last_login_s.is_none() => "known, has never logged in",
        Some(_) => "known, has logged in before",
    };
    format!("user        {name} ({seen})\nlogin name  {login}\n", login = login.as_str())
}

fn account(config: &Config, behind: &Behind) -> String {
    let told = match &behind.found {
        _ if config.authenticator != Authenticator::Pam => return String::new(),
        None => "not known: the spawner does not answer".to_owned(),
        Some(Lookup::Absent) => "the host has none of this name that may have servers".to_owned(),
        Some(Lookup::There(account, _)) => match account.uid {
            Some(uid) => format!("uid {uid}"),
            None => "chosen by systemd at each start".to_owned(),
        },
    };
    format!("account     {told}\n")
}

fn groups(user: Option<&User>, who: &Candidate<'_>, arguments: &Arguments) -> String {
    let mut text = format!(
        "groups      {}\n",
        if who.groups.is_empty() { "none known".to_owned() } else { who.groups.join(", ") }
    );
    let claimed = user.is_some_and(|user| !user.standing.claimed_groups.is_empty());
    if claimed && arguments.groups.is_empty() {
        text.push_str(
            "            (an identity provider's are those of the last login; the next may name others)\n",
        );
    }
    text
}

fn candidate<'a>(
    config: &Config,
    (user, name, login): (Option<&'a User>, &'a Username, &'a LoginName),
    behind: &Behind,
    assumed: &[String],
) -> Candidate<'a> {
    let mut who = admission::candidate(config, user, name, Clock::System.now_s());
    who.login = login.as_str();
    who.estranged = behind.known.estranged;
    who.groups.clone_from(&behind.known.account.groups);
    match &behind.found {
        Some(Lookup::There(account, state)) => {
            let now = Account::seen(account.uid, state);
            who.estranged |= behind.known.account.was_replaced_by(&now);
            who.account = admission::trouble(state, behind.known.account.locked);
            who.groups.clone_from(&now.groups);
        }
        Some(Lookup::Absent) => who.account = Some(AccountTrouble::Gone),
        None => {}
    }
    let claimed = user.map_or(&[][..], |user| &user.standing.claimed_groups);
    who.groups.extend(if assumed.is_empty() { claimed } else { assumed }.iter().cloned());
    who
}

fn rows(rules: &Rules, who: &Candidate<'_>, name: &Username) -> String {
    let Walk(lines) = rules.walk(who);
    let (decides, admitted) = Walk(lines.clone()).decision();
    let mut text = String::new();
    for line in lines {
        let (says, because) = match line.says {
            Says::Yes => ("yes", line.because.as_str()),
            Says::No => ("no", line.because.as_str()),
            Says::Nothing => ("-", ""),
        };
        let mark = if line.rule == decides { "  <- decides" } else { "" };
        let row = format!("{:<22}{says:<5}{because}{mark}", line.rule.to_string());
        text.push_str(row.trim_end());
        text.push('\n');
    }
    let verdict = if admitted { "may come in" } else { "may not come in" };
    text.push_str(&format!("\n{name} {verdict}: {decides}\n"));
    text
}
