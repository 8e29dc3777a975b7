//! What a file of users would change, decided before anything is. The same plan is shown by a dry run and carried out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use hubgate_protocol::{Secret, Username};

use super::{Entry, Row, RowError, said};
use crate::domain::newcomer::Taken;
use crate::domain::strength::Strength;
use crate::domain::time::iso;
use crate::words::{Language, Message};

/// What a file is compared with, and how far it may go.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Names that are the system's.
    pub taken: &'a Taken,
    /// Who there is.
    pub known: &'a BTreeMap<Username, Entry>,
    /// What the site asks of passwords.
    pub strength: Strength,
    /// Whether users who exist may be changed.
    pub update: bool,
    /// Whether users who have a password here get the one of the file.
    pub passwords: bool,
}

/// What becomes of one row.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its line in the file.
    pub line: u64,
    /// Who.
    pub user: Username,
    /// As they are; `None` for a new user.
    pub before: Option<Entry>,
    /// As they will be.
    pub after: Entry,
    /// The password they will have, where that changes.
    pub password: Option<Secret>,
    /// Whether that password must be changed at the first login: it is weak, or was made up here.
    pub must_change: bool,
}

/// Kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new user.
    Add,
    /// Something is different.
    Change,
    /// Nothing is.
    Unchanged,
}

impl Planned {
    /// What becomes of the row.
    #[must_use]
    pub fn step(&self) -> Step {
        match &self.before {
            None => Step::Add,
            Some(_) if self.changes().is_empty() => Step::Unchanged,
            Some(_) => Step::Change,
        }
    }

    /// What is different, a few words each.
    #[must_use]
    pub fn changes(&self) -> Vec<Message> {
        let before = self.before.clone().unwrap_or_default();
        let mut changes = Vec::new();
        if before.admin != self.after.admin {
            changes.push(Message::new(if self.after.admin { "list-admin" } else { "list-no-admin" }));
        }
        let group = |key: &'static str| move |group| Message::new(key).with("name", group);
        changes.extend(self.after.groups.difference(&before.groups).map(group("list-group-in")));
        changes.extend(before.groups.difference(&self.after.groups).map(group("list-group-out")));
        let becomes = |key: &'static str, value: Option<String>| match value {
            Some(value) => Message::new(key).with("to", value),
            None => Message::new(key).put("to", Message::new("list-none")),
        };
        if before.display_name != self.after.display_name {
            changes.push(becomes("list-display-name", self.after.display_name.clone()));
        }
        if before.login != self.after.login {
            changes.push(becomes("list-login", self.after.login.as_ref().map(ToString::to_string)));
        }
        if before.expires_s != self.after.expires_s {
            let at = self.after.expires_s.map(|at_s| iso(at_s.saturating_mul(1_000_000)));
            changes.push(becomes("list-expires", at));
        }
        if self.password.is_some() {
            changes.push(Message::new(if self.must_change { "list-password-once" } else { "list-password" }));
        }
        changes
    }

    /// What becomes of the row, for the page that shows it.
    #[must_use]
    pub fn message(&self) -> Message {
        let step = Message::new(match self.step() {
            Step::Add => "list-add",
            Step::Change => "list-change",
            Step::Unchanged => "list-unchanged",
        });
        let step = step.with("name", &self.user);
        match said::all(self.changes()) {
            Some(changes) => Message::new("list-changes").put("step", step).put("changes", changes),
            None => step,
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message().in_language(Language::English))
    }
}

/// What the rows would change.
///
/// # Errors
/// Every bad row, `bad` among them, in the order of the file: nothing may be carried out then.
pub fn plan(rows: Vec<Row>, mut bad: Vec<RowError>, terms: Terms<'_>) -> Result<Vec<Planned>, Vec<RowError>> {
    let mut logins = Logins::of(&rows, terms.known);
    let mut planned = Vec::with_capacity(rows.len());
    for row in rows {
        let line = row.line;
        match one(row, terms, &mut logins) {
            Ok(one) => planned.push(one),
            Err(what) => bad.push(RowError { line, what }),
        }
    }
    bad.sort_by_key(|error| error.line);
    if bad.is_empty() { Ok(planned) } else { Err(bad) }
}

fn one(row: Row, terms: Terms<'_>, logins: &mut Logins) -> Result<Planned, Message> {
    let before = terms.known.get(&row.user).cloned();
    let now = before.clone().unwrap_or_default();
    let after = Entry {
        admin: row.admin.unwrap_or(now.admin),
        groups: row.groups.unwrap_or(now.groups),
        display_name: row.display_name.unwrap_or(now.display_name),
        login: row.login.unwrap_or(now.login),
        expires_s: row.expires_s.unwrap_or(now.expires_s),
        password: now.password || row.password.is_some(),
    };
    if before.is_none() {
        let free = terms.taken.parse(row.user.as_str(), after.admin);
        free.map_err(|error| said::of_column("user", said::not_given(error)))?;
    }
    if let Some(login) = &after.login {
        logins.claim(login.as_str(), &login.id(), &row.user)?;
    }
    let password = row.password.filter(|_| terms.passwords || !now.password);
    let own = [row.user.as_str(), after.display_name.as_deref().unwrap_or_default()];
    let must_change = password.as_ref().is_some_and(|given| terms.strength.check(given, &own).is_err());
    let planned = Planned { line: row.line, user: row.user, before, after, password, must_change };
    if planned.step() == Step::Change && !terms.update {
        let exists = Message::new("list-exists").with("name", &planned.user);
        let changes = said::all(planned.changes()).into_iter();
        return Err(said::of_column(
            "user",
            changes.fold(exists, |exists, what| exists.put("changes", what)),
        ));
    }
    Ok(planned)
}

/// Who types what: two users never log in by one name.
struct Logins {
    names: HashMap<String, Username>,
    users: HashSet<Username>,
}

impl Logins {
    fn of(rows: &[Row], known: &BTreeMap<Username, Entry>) -> Self {
        let said: HashMap<&Username, bool> =
            rows.iter().map(|row| (&row.user, row.login.is_some())).collect();
        let kept = known.iter().filter(|(name, _)| !said.get(name).copied().unwrap_or(false));
        let names = kept.filter_map(|(name, entry)| Some((entry.login.as_ref()?.to_string(), name.clone())));
        let users = known.keys().chain(rows.iter().map(|row| &row.user)).cloned();
        Self { names: names.collect(), users: users.collect() }
    }

    fn claim(&mut self, login: &str, id: &Username, user: &Username) -> Result<(), Message> {
        let owner = self.names.entry(login.to_owned()).or_insert_with(|| user.clone());
        if owner != user || (id != user && self.users.contains(id)) {
            return Err(said::of_column("login", Message::new("list-login-taken")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::read;

    const STRENGTH: Strength = Strength { min_length: 8, min_score: 2 };

    fn known() -> BTreeMap<Username, Entry> {
        let ann = Entry {
            groups: ["g1".parse().unwrap()].into(),
            login: Some("A.B@x.cn".parse().unwrap()),
            password: true,
            ..Entry::default()
        };
        [("ann".parse().unwrap(), ann), ("bob".parse().unwrap(), Entry::default())].into()
    }

    fn planned(text: &str, update: bool, passwords: bool) -> Result<Vec<String>, Vec<String>> {
        let taken = Taken::of(&["root:x:0:0::/root:/bin/sh"]);
        let (rows, bad) = read(text.as_bytes()).unwrap();
        let known = known();
        let terms = Terms { taken: &taken, known: &known, strength: STRENGTH, update, passwords };
        let lines = |all: Vec<Planned>| all.iter().map(ToString::to_string).collect();
        plan(rows, bad, terms).map(lines).map_err(|bad| bad.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn new_users_are_added_with_all_that_the_file_says() {
        let text = "user,passwd,groups,admin\ncarl,nine pale lanterns,g1;g2,true\ndan,123,,\neve,,,\n";
        assert_eq!(
            planned(text, false, false).unwrap(),
            [
                "add carl: administrator, +group g1, +group g2, password",
                "add dan: password, to be changed at the first login",
                "add eve"
            ]
        );
    }

    #[test]
    fn a_row_that_says_what_is_so_changes_nothing() {
        let text = "user,passwd,groups,admin\nann,whatever it is,g1,false\n";
        assert_eq!(planned(text, false, false).unwrap(), ["unchanged ann"]);
    }

    #[test]
    fn users_who_exist_change_only_where_that_is_asked_for() {
        let text = "user,groups,display_name\nann,g2,Ann\nbob,,\n";
        let refused = planned(text, false, false).unwrap_err();
        assert_eq!(
            refused,
            ["2: column user: ann exists already and would change (+group g2, -group g1, display name: Ann)"]
        );
        let done = planned(text, true, false).unwrap();
        assert_eq!(done, ["change ann: +group g2, -group g1, display name: Ann", "unchanged bob"]);
    }

    #[test]
    fn a_password_that_somebody_has_is_theirs_unless_the_administrator_says_otherwise() {
        let text = "user,passwd\nann,nine pale lanterns\nbob,nine pale lanterns\n";
        assert_eq!(planned(text, true, false).unwrap(), ["unchanged ann", "change bob: password"]);
        assert_eq!(planned(text, true, true).unwrap(), ["change ann: password", "change bob: password"]);
    }

    #[test]
    fn names_of_the_system_are_nobodys_but_who_has_one_keeps_it() {
        let bad = planned("user,admin\nroot,true\nadmin,false\n", true, false).unwrap_err();
        assert!(bad[0].starts_with("2: column user") && bad[1].starts_with("3: column user"), "{bad:?}");
    }

    #[test]
    fn nobody_logs_in_by_the_name_of_another() {
        for login in ["A.B@x.cn", "bob", "carl"] {
            let text = format!("user,login\ncarl,\ndan,{login}\n");
            let bad = planned(&text, true, false).unwrap_err();
            assert_eq!(bad, ["3: column login: another user logs in by that name"], "{login}");
        }
        assert!(planned("user,login\ndan,D@x\neve,D@x\n", true, false).is_err());
        let moved = planned("user,login\nann,\ndan,A.B@x.cn\n", true, false).unwrap();
        assert_eq!(moved, ["change ann: login: none", "add dan: login: A.B@x.cn"]);
    }
}
