//! Who stays in: the rules are walked again for everybody who has a session, a token or a server, with what the host says of
//! their accounts now.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryResult;
use hubgate_protocol::{LoginName, Phase, Username};
use log::{info, warn};

use crate::config::Authenticator;
use crate::domain::account::Account;
use crate::domain::admission::{AccountTrouble, Rule};
use crate::domain::audit::{Action, Actor, Event};
use crate::spawn::client::Lookup;
use crate::state::{Hub, admission, blocking, starts};
use crate::store::accounts::{self, Known};
use crate::store::{Conn, StoreError, User, standing, users};

/// Users who are read from the database at once.
const READ_AT_ONCE: usize = 500;
/// How long an account must be gone before `delete_invalid_users` removes its user, seconds.
const GONE_FOR_S: i64 = 600;

/// Since when accounts were not there, seconds since 1970. A name service that fails for a moment says of an account that
/// there is none, so one look is not enough.
#[derive(Debug, Default)]
pub struct Absences(HashMap<Username, i64>);

impl Absences {
    /// Notes a look at an account; since when it is gone, where it was so at the look before too.
    fn look(&mut self, user: &Username, absent: bool, now_s: i64) -> Option<i64> {
        if !absent {
            self.0.remove(user);
            return None;
        }
        let before = self.0.get(user).copied();
        self.0.entry(user.clone()).or_insert(now_s);
        before
    }
}

/// What becomes of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// Something of the account is to be remembered.
    See(Account),
    /// Another account has the name.
    Estrange,
    /// A rule keeps them out.
    Refuse(Rule),
    /// No rule keeps them out any more.
    Admit,
    /// Their account is gone for good.
    Delete,
}

/// One user with what is known of them.
struct Case {
    user: User,
    behind: Option<Known>,
    found: Option<Lookup>,
}

/// Looks at everybody who is in, once; how many may not be any more. Whom the spawner says nothing about stays as they are.
///
/// # Errors
/// When the database fails. Sessions of those who may not stay have ended in memory then; the next call tries again.
pub async fn look(hub: &Hub, absences: &mut Absences) -> Result<usize, StoreError> {
    let now_s = hub.clock.now_s();
    let names: Vec<Username> = in_question(hub, now_s).into_iter().collect();
    let mut refused = 0;
    for some in names.chunks(READ_AT_ONCE) {
        let cases = cases(hub, some.to_vec()).await?;
        let acts: Vec<(User, Vec<Act>)> = cases
            .into_iter()
            .map(|case| (acts(hub, &case, absences, now_s), case.user))
            .filter(|(acts, _)| !acts.is_empty())
            .map(|(acts, user)| (user, acts))
            .collect();
        refused += enforce(hub, acts, now_s).await?;
    }
    absences.0.retain(|user, _| names.binary_search(user).is_ok());
    Ok(refused)
}

/// Stops the servers of whoever is kept out, where the configuration says so.
pub async fn stop_servers(hub: &Hub) {
    if !hub.config.stop_servers_of_refused {
        return;
    }
    let runs = |phase| matches!(phase, Phase::Starting | Phase::Running | Phase::Listening);
    for id in hub.servers.those(runs).into_iter().filter(|id| hub.bars(&id.user)) {
        if let Err(error) = starts::stop(hub, &id).await {
            warn!("server={id} of somebody who is kept out was not stopped: {error}");
        }
    }
}

fn in_question(hub: &Hub, now_s: i64) -> BTreeSet<Username> {
    let mut names = hub.sessions.owners(now_s);
    names.extend(hub.tokens.owners());
    names.extend(hub.servers.those(|phase| phase != Phase::Stopped).into_iter().map(|id| id.user));
    names
}

async fn cases(hub: &Hub, names: Vec<Username>) -> Result<Vec<Case>, StoreError> {
    let store = hub.store.clone();
    let mut cases = blocking(move || {
        store.read(|c| {
            let users = users::by_names(c, &names)?;
            let with = |user: User| Ok(Case { behind: accounts::of_user(c, user.id)?, user, found: None });
            users.into_iter().map(with).collect::<QueryResult<Vec<Case>>>()
        })
    })
    .await?;
    if hub.config.authenticator == Authenticator::Pam {
        let mut asked: Vec<&mut Case> = cases.iter_mut().filter(|case| case.behind.is_some()).collect();
        let logins: Vec<LoginName> = asked.iter().map(|case| account_name(&case.user)).collect();
        for (case, found) in asked.iter_mut().zip(hub.spawner.accounts(&logins).await) {
            case.found = found;
        }
    }
    Ok(cases)
}

/// What the host calls a user's account.
#[must_use]
pub fn account_name(user: &User) -> LoginName {
    let own = user.standing.login.clone().filter(|login| login.id() == user.name);
    own.unwrap_or_else(|| user.name.clone().into())
}

fn acts(hub: &Hub, case: &Case, absences: &mut Absences, now_s: i64) -> Vec<Act> {
    let (user, known) = (&case.user, case.behind.clone().unwrap_or_default());
    let gone_since = absences.look(&user.name, case.found == Some(Lookup::Absent), now_s);
    let mut acts = Vec::new();
    let mut who = admission::candidate(&hub.config, Some(user), &user.name, now_s);
    who.estranged = known.estranged;
    who.groups.clone_from(&known.account.groups);
    match &case.found {
        Some(Lookup::There(account, state)) => {
            let mut now = Account::seen(account.uid, state);
            now.locked &= known.account.locked;
            who.account = admission::trouble(state, known.account.locked);
            who.groups.clone_from(&now.groups);
            if known.account.was_replaced_by(&now) && !known.estranged {
                who.estranged = true;
                acts.push(Act::Estrange);
            } else if !known.estranged && known.account.is_news(&now) {
                acts.push(Act::See(now));
            }
        }
        Some(Lookup::Absent) if gone_since.is_some() => who.account = Some(AccountTrouble::Gone),
        // Nothing was said: who was refused stays so.
        Some(Lookup::Absent) | None if user.standing.refused.is_some() && case.behind.is_some() => {
            return acts;
        }
        Some(Lookup::Absent) | None => {}
    }
    who.groups.extend(user.standing.claimed_groups.iter().cloned());
    let (rule, admitted) = hub.rules.walk(&who).decision();
    // Of somebody who has never come in, no groups are known: that no rule lets them in says nothing yet.
    let unknown = rule == Rule::Default && case.behind.is_none() && user.last_login_s.is_none();
    let refused = (!admitted && !unknown).then_some(rule);
    let for_good = gone_since.is_some_and(|since_s| now_s.saturating_sub(since_s) >= GONE_FOR_S);
    match refused {
        Some(Rule::Account) if for_good && hub.config.delete_invalid_users => acts.push(Act::Delete),
        Some(rule) if user.standing.refused != Some(rule.to_string()) => acts.push(Act::Refuse(rule)),
        None if user.standing.refused.is_some() => acts.push(Act::Admit),
        _ => {}
    }
    acts
}

/// Ends in memory what may not stay, then writes it down, and ends the rest.
async fn enforce(hub: &Hub, all: Vec<(User, Vec<Act>)>, now_s: i64) -> Result<usize, StoreError> {
    if all.is_empty() {
        return Ok(0);
    }
    let mut refused = 0;
    for (user, acts) in &all {
        let name = &user.name;
        for act in acts {
            match act {
                Act::Refuse(rule) => warn!("access ended user={name} rule={rule}"),
                Act::Estrange => {
                    warn!("access ended user={name} rule={}: another account has the name", Rule::Recycled)
                }
                Act::Delete => warn!("user deleted={name}: the account is gone"),
                Act::Admit => info!("access restored user={name}"),
                Act::See(_) => {}
            }
        }
        if acts.iter().any(|act| matches!(act, Act::Refuse(_) | Act::Estrange | Act::Delete)) {
            refused += 1;
            hub.sessions.of(name, now_s).iter().for_each(|session| hub.sessions.end(&session.hash));
        }
    }
    let of_user = |(user, acts): &(User, Vec<Act>)| acts.iter().filter_map(|act| event(user, act)).collect();
    let events: Vec<Vec<Event>> = all.iter().map(of_user).collect();
    hub.change(move |c| all.iter().try_for_each(|(user, acts)| write(c, user, acts))).await?;
    events.iter().flatten().for_each(|event| hub.audit(event));
    Ok(refused)
}

/// What the audit log keeps of it.
fn event(user: &User, act: &Act) -> Option<Event> {
    let changed = || Event::new(Actor::Hub, Action::UserChanged, &user.name);
    match act {
        Act::See(_) => None,
        Act::Estrange => Some(changed().with("estranged", true)),
        Act::Refuse(rule) => Some(changed().with("refused", rule.to_string())),
        Act::Admit => Some(changed().with("refused", false)),
        Act::Delete => {
            Some(Event::new(Actor::Hub, Action::UserDeleted, &user.name).with("why", "account gone"))
        }
    }
}

fn write(c: &mut Conn, user: &User, acts: &[Act]) -> QueryResult<()> {
    // Removed by somebody else meanwhile.
    if users::by_name(c, &user.name)?.is_none_or(|now| now.id != user.id) {
        return Ok(());
    }
    for act in acts {
        match act {
            Act::See(account) => drop(accounts::see(c, user.id, account)?),
            Act::Estrange => accounts::estrange(c, user.id)?,
            Act::Refuse(rule) => standing::set_refused(c, &user.name, Some(&rule.to_string()))?,
            Act::Admit => standing::set_refused(c, &user.name, None)?,
            Act::Delete => drop(users::delete(c, &user.name)?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_gone_when_it_was_not_there_twice() {
        let (mut absences, ada) = (Absences::default(), "ada".parse().unwrap());
        assert_eq!(absences.look(&ada, true, 5), None);
        assert_eq!(absences.look(&ada, true, 25), Some(5));
        assert_eq!(absences.look(&ada, true, 45), Some(5));
        assert_eq!(absences.look(&ada, false, 65), None);
        assert_eq!(absences.look(&ada, true, 85), None);
    }
}
