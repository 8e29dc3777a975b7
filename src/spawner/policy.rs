//! Root's policy: which names may log in and have servers. Pure; the caller looks the account up.

use hubgate_protocol::{Account, LoginName, Username};

use crate::account::HostAccount;
use crate::config::{Accounts, Config};

/// `nobody`, and the 16-bit -1 that old file systems show for unknown owners.
const NOBODY: [u32; 4] = [65534, 65535, u32::MAX - 1, u32::MAX];

/// An account that may have servers: only [`allow`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginAccount {
    user: Username,
    host: Option<HostAccount>,
}

/// Why a name may not have servers. The gateway is told none of it, except that it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No such account.
    #[error("there is no such account")]
    Unknown,
    /// The host's user database did not say.
    #[error("the user database cannot be read")]
    Unreadable,
    /// uid 0, a uid below `min_uid`, or nobody.
    #[error("the account belongs to the system")]
    System,
    /// `nologin` and its like.
    #[error("the account's shell refuses logins")]
    NoLogin,
    /// The name has a dot and `allow_dots` is off.
    #[error("names with a dot are switched off")]
    Dot,
}

/// Decides about the account called `name`, of which the host knows `host`.
///
/// # Errors
/// [`Denied`].
pub fn allow(config: &Config, name: &LoginName, host: Option<HostAccount>) -> Result<LoginAccount, Denied> {
    let user = name.id();
    if user.has_dot() && !config.allow_dots {
        return Err(Denied::Dot);
    }
    if let Some(host) = &host {
        if host.uid < config.min_uid || host.uid == 0 || NOBODY.contains(&host.uid) {
            return Err(Denied::System);
        }
        // A virtual account may bear the name of an ordinary host account (they share nothing), never a system's.
        if config.accounts != Accounts::Virtual && !host.can_log_in {
            return Err(Denied::NoLogin);
        }
    }
    match config.accounts {
        Accounts::Virtual => Ok(LoginAccount { user, host: None }),
        Accounts::Unix | Accounts::Create => {
            host.map(|host| LoginAccount { user, host: Some(host) }).ok_or(Denied::Unknown)
        }
    }
}

/// Whether root's services file may name an account with this uid.
#[must_use]
pub fn may_run_service(uid: u32) -> bool {
    uid != 0 && !NOBODY.contains(&uid)
}

impl LoginAccount {
    /// Its name.
    #[must_use]
    pub fn user(&self) -> &Username {
        &self.user
    }

    /// The host's account behind it; `None` for a virtual one.
    #[must_use]
    pub fn host(&self) -> Option<&HostAccount> {
        self.host.as_ref()
    }

    /// As the protocol tells it.
    #[must_use]
    pub fn told(&self) -> Account {
        Account { user: self.user.clone(), uid: self.host.as_ref().map(|host| host.uid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, uid: u32, can_log_in: bool) -> Option<HostAccount> {
        let name: LoginName = name.parse().unwrap();
        let user = name.id();
        Some(HostAccount {
            name,
            user,
            uid,
            gid: uid,
            home: "/home/x".into(),
            shell: "/bin/sh".into(),
            can_log_in,
        })
    }

    fn decide(config: &str, name: &str, account: Option<HostAccount>) -> Result<LoginAccount, Denied> {
        allow(&Config::parse(config).unwrap(), &name.parse().unwrap(), account)
    }

    #[test]
    fn an_ordinary_account_may_have_servers() {
        let account = decide("", "alice", host("alice", 1000, true)).unwrap();
        assert_eq!(account.told(), Account { user: "alice".parse().unwrap(), uid: Some(1000) });
    }

    #[test]
    fn root_system_accounts_and_nobody_may_not_whatever_min_uid_says() {
        for (uid, min) in [(0, 1), (999, 1000), (33, 1000), (65534, 1), (u32::MAX, 1)] {
            let config = format!("min_uid = {min}");
            assert_eq!(decide(&config, "x", host("x", uid, true)), Err(Denied::System), "{uid}");
        }
    }

    #[test]
    fn a_shell_that_refuses_logins_refuses_here_too() {
        assert_eq!(decide("", "x", host("x", 1001, false)), Err(Denied::NoLogin));
    }

    #[test]
    fn an_unknown_account_may_not_unless_accounts_are_virtual() {
        assert_eq!(decide("", "ghost", None), Err(Denied::Unknown));
        let account = decide("accounts = \"virtual\"", "ghost", None).unwrap();
        assert_eq!(account.told().uid, None);
    }

    #[test]
    fn a_virtual_account_may_not_bear_a_system_accounts_name() {
        assert_eq!(decide("accounts = \"virtual\"", "root", host("root", 0, true)), Err(Denied::System));
        assert!(decide("accounts = \"virtual\"", "bob", host("bob", 1000, false)).is_ok());
    }

    #[test]
    fn an_account_whose_name_is_no_user_name_is_told_by_the_user_that_stands_for_it() {
        for name in ["A.B@x.cn", "张三", &"n".repeat(64)] {
            let account = decide("allow_dots = false", name, host(name, 1000, true)).unwrap();
            assert!(account.told().user.is_derived(), "{name}");
            assert_eq!(account.host().unwrap().name.as_str(), name);
        }
    }

    #[test]
    fn a_dot_can_be_switched_off() {
        assert!(decide("", "user.name", host("user.name", 1000, true)).is_ok());
        assert_eq!(
            decide("allow_dots = false", "user.name", host("user.name", 1000, true)),
            Err(Denied::Dot)
        );
    }
}
