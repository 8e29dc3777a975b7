//! Who may come in: the site's rules, in their order. Pure; the same walk decides at a login, decides again while somebody
//! is in, and is printed by `hubgate why`.

use std::collections::BTreeMap;
use std::fmt;

use hubgate_protocol::{LoginName, Username};
use regex::Regex;

/// What the site says about who may come in.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `username_pattern`; `None` is the grammar of [`Username`].
    pub pattern: Option<Regex>,
    /// `blocked_users`.
    pub blocked_users: Vec<Username>,
    /// `admin_groups`.
    pub admin_groups: Vec<String>,
    /// `allow_all`.
    pub allow_all: bool,
    /// `allowed_users`.
    pub allowed_users: Vec<Username>,
    /// `allow_existing_users`.
    pub allow_existing_users: bool,
    /// `allowed_groups`.
    pub allowed_groups: Vec<String>,
    /// `username_map`.
    pub names: BTreeMap<String, Username>,
}

/// Somebody who proved who they are, as far as the rules care.
#[derive(Debug, Clone, Default)]
pub struct Candidate<'a> {
    /// Who they are here.
    pub user: &'a str,
    /// What they typed, or what the provider calls them.
    pub login: &'a str,
    /// Whether they administer the hub by the configuration or the database.
    pub admin: bool,
    /// Whether an administrator has added them: there was a row before the first login.
    pub added: bool,
    /// Whether their password is kept here.
    pub has_password: bool,
    /// Whether an administrator has locked them out.
    pub disabled: bool,
    /// Whether the day on which they stop being users has come.
    pub expired: bool,
    /// Whether another account of the host has taken their name.
    pub estranged: bool,
    /// What the host says against the account behind them.
    pub account: Option<AccountTrouble>,
    /// Their groups: the host's and the provider's.
    pub groups: Vec<String>,
}

/// What the host says against an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountTrouble {
    /// There is none of that name.
    Gone,
    /// Its password is locked.
    Locked,
    /// It has expired.
    Expired,
}

/// A rule that can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `username_pattern`
    UsernamePattern,
    /// `blocked_users`
    BlockedUsers,
    /// Locked out by an administrator.
    Disabled,
    /// The day of expiry.
    Expired,
    /// The account behind the user is another one than before.
    Recycled,
    /// The host's account management.
    Account,
    /// `admin_users`, and administrators by the database
    Administrator,
    /// `admin_groups`
    AdminGroups,
    /// `allow_all`
    AllowAll,
    /// `allowed_users`
    AllowedUsers,
    /// `allow_existing_users`
    AllowExistingUsers,
    /// Whoever has a password here.
    UserFile,
    /// `allowed_groups`
    AllowedGroups,
    /// None of the others allowed it.
    Default,
}

/// What one rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Comes in, unless a rule before it said no.
    Yes,
    /// Stays out.
    No,
    /// Nothing.
    Nothing,
}

/// One line of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which rule.
    pub rule: Rule,
    /// What it says.
    pub says: Says,
    /// Why, for the administrator.
    pub because: String,
}

/// The whole walk. The first line that does not say nothing decides; there always is one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Walk(pub Vec<Line>);

impl Walk {
    /// The rule that decides, and whether it lets in.
    #[must_use]
    pub fn decision(&self) -> (Rule, bool) {
        let decides = self.0.iter().find(|line| line.says != Says::Nothing);
        decides.map_or((Rule::Default, false), |line| (line.rule, line.says == Says::Yes))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UsernamePattern => "username_pattern",
            Self::BlockedUsers => "blocked_users",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Recycled => "recycled",
            Self::Account => "account",
            Self::Administrator => "administrator",
            Self::AdminGroups => "admin_groups",
            Self::AllowAll => "allow_all",
            Self::AllowedUsers => "allowed_users",
            Self::AllowExistingUsers => "allow_existing_users",
            Self::UserFile => "user_file",
            Self::AllowedGroups => "allowed_groups",
            Self::Default => "default",
        })
    }
}

/// A `username_pattern`, held to the whole name; "" is `None`.
///
/// # Errors
/// When it is no regular expression, or needs more than 10 MiB.
pub fn login_pattern(text: &str) -> Result<Option<Regex>, regex::Error> {
    if text.is_empty() {
        return Ok(None);
    }
    Regex::new(&format!("^(?:{text})$")).map(Some)
}

impl Rules {
    /// Whether a login name has a form that this site uses.
    #[must_use]
    pub fn admits_name(&self, login: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(login),
            None => login.parse::<Username>().is_ok_and(|name| !name.is_derived()),
        }
    }

    /// Whom a text that was typed means; `None` for what cannot be a login name here.
    #[must_use]
    pub fn login(&self, typed: &str) -> Option<LoginName> {
        if let Some(user) = self.names.get(typed) {
            return Some(user.clone().into());
        }
        typed.parse().ok().filter(|_| self.admits_name(typed))
    }

    /// Whom a text means that an administrator wrote for a new user. As at JupyterHub capitals do not count, unless names of
    /// this site have them.
    #[must_use]
    pub fn newcomer(&self, text: &str) -> Option<LoginName> {
        self.login(text).or_else(|| self.login(&text.to_lowercase()))
    }

    /// Walks all rules.
    pub fn walk(&self, who: &Candidate<'_>) -> Walk {
        let named = |names: &[Username]| names.iter().any(|name| name.as_str() == who.user);
        let shared = |groups: &[String]| groups.iter().find(|group| who.groups.contains(group)).cloned();
        let mut walk = Vec::new();
        let mut line = |rule, holds: bool, then, because: &str| {
            let says = if holds { then } else { Says::Nothing };
            walk.push(Line { rule, says, because: because.to_owned() });
        };
        line(Rule::UsernamePattern, !self.admits_name(who.login), Says::No, "form of the login name");
        line(Rule::BlockedUsers, named(&self.blocked_users), Says::No, "named in blocked_users");
        line(Rule::Disabled, who.disabled, Says::No, "locked by an administrator of the hub");
        line(Rule::Expired, who.expired, Says::No, "the user's day of expiry");
        line(
            Rule::Recycled,
            who.estranged,
            Says::No,
            "the account has another uid, or was made anew: confirm it",
        );
        let trouble =
            who.account.map_or("the host has nothing against the account", AccountTrouble::sentence);
        line(Rule::Account, who.account.is_some(), Says::No, trouble);
        line(Rule::Administrator, who.admin, Says::Yes, "admin_users, or administrator in the database");
        let group = shared(&self.admin_groups);
        line(Rule::AdminGroups, group.is_some(), Says::Yes, group.as_deref().unwrap_or("in none of them"));
        line(Rule::AllowAll, self.allow_all, Says::Yes, "allow_all = true lets everybody in");
        line(Rule::AllowedUsers, named(&self.allowed_users), Says::Yes, "named in allowed_users");
        let existing = self.allow_existing_users && who.added;
        line(Rule::AllowExistingUsers, existing, Says::Yes, "known to the hub already");
        line(Rule::UserFile, who.has_password, Says::Yes, "has a password in the user file");
        let group = shared(&self.allowed_groups);
        line(Rule::AllowedGroups, group.is_some(), Says::Yes, group.as_deref().unwrap_or("in none of them"));
        line(Rule::Default, true, Says::No, "no rule lets this user in");
        Walk(walk)
    }
}

impl AccountTrouble {
    /// For the administrator.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Gone => "the host has no such account, or not one that may have servers",
            Self::Locked => "the host has locked the account's password",
            Self::Expired => "the account has expired on the host",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            pattern: None,
            blocked_users: vec!["mallory".parse().unwrap()],
            admin_groups: vec!["wheel".to_owned()],
            allow_all: false,
            allowed_users: vec!["ada".parse().unwrap(), "mallory".parse().unwrap()],
            allow_existing_users: false,
            allowed_groups: vec!["physics".to_owned()],
            names: BTreeMap::from([("Eve@x.cn".to_owned(), "eve".parse().unwrap())]),
        }
    }

    fn who(user: &str) -> Candidate<'_> {
        Candidate { user, login: user, ..Candidate::default() }
    }

    fn decided(rules: &Rules, who: &Candidate<'_>) -> (Rule, bool) {
        rules.walk(who).decision()
    }

    #[test]
    fn nobody_comes_in_unless_a_rule_lets_them() {
        assert_eq!(decided(&rules(), &who("eve")), (Rule::Default, false));
        assert_eq!(decided(&rules(), &who("ada")), (Rule::AllowedUsers, true));
        let all = Rules { allow_all: true, ..rules() };
        assert_eq!(decided(&all, &who("eve")), (Rule::AllowAll, true));
    }

    #[test]
    fn a_block_goes_before_every_permission() {
        assert_eq!(decided(&rules(), &who("mallory")), (Rule::BlockedUsers, false));
        for change in [
            |who: &mut Candidate<'_>| who.disabled = true,
            |who: &mut Candidate<'_>| who.expired = true,
            |who: &mut Candidate<'_>| who.estranged = true,
            |who: &mut Candidate<'_>| who.account = Some(AccountTrouble::Locked),
        ] {
            let mut ada = Candidate { admin: true, ..who("ada") };
            assert!(decided(&rules(), &ada).1);
            change(&mut ada);
            assert!(!decided(&rules(), &ada).1);
        }
    }

    #[test]
    fn each_permission_lets_in_by_itself() {
        let group = |name: &str| Candidate { groups: vec!["x".to_owned(), name.to_owned()], ..who("eve") };
        assert_eq!(decided(&rules(), &group("physics")), (Rule::AllowedGroups, true));
        assert_eq!(decided(&rules(), &group("wheel")), (Rule::AdminGroups, true));
        assert_eq!(decided(&rules(), &Candidate { admin: true, ..who("eve") }), (Rule::Administrator, true));
        let file = Candidate { has_password: true, ..who("eve") };
        assert_eq!(decided(&rules(), &file), (Rule::UserFile, true));
        let added = Candidate { added: true, ..who("eve") };
        assert_eq!(decided(&rules(), &added), (Rule::Default, false));
        let existing = Rules { allow_existing_users: true, ..rules() };
        assert_eq!(decided(&existing, &added), (Rule::AllowExistingUsers, true));
    }

    #[test]
    fn a_mapped_name_means_its_user_whatever_its_form() {
        assert_eq!(rules().login("Eve@x.cn").unwrap().id().as_str(), "eve");
        assert_eq!(rules().login("eve").unwrap().as_str(), "eve");
        assert_eq!(rules().login("Bob@x.cn"), None);
        assert_eq!((rules().login("Ada"), rules().newcomer("Ada").unwrap().as_str()), (None, "ada"));
    }

    #[test]
    fn a_pattern_is_held_to_the_whole_name() {
        let wide = Rules { pattern: login_pattern(r"[\w.@-]{1,64}").unwrap(), ..rules() };
        for name in ["A.B@x.cn", "张三", "eve"] {
            assert!(wide.admits_name(name), "{name}");
        }
        assert!(!wide.admits_name("a b") && !wide.admits_name(&"a".repeat(65)));
        assert!(rules().admits_name("a.b") && !rules().admits_name("张三") && !rules().admits_name("id--x"));
        assert!(login_pattern("(").is_err());
    }
}
