//! From PAM's return values to what may be said about a login. Pure.

use std::ffi::{CString, c_int};

use hubgate_protocol::LoginName;
use pam::ffi;
use serde::{Deserialize, Serialize};

/// What PAM says about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The password is right and the account may log in.
    Accepted,
    /// Wrong password, unknown or locked account.
    BadCredentials,
    /// The host has locked the account for a while because of wrong passwords.
    Locked,
    /// The password is right but must be changed first.
    MustChange,
    /// The password is right but so old that only an administrator can change it.
    PasswordExpired,
    /// The password is right but the account has expired.
    AccountExpired,
    /// The password is right but nobody may log in now.
    NoLogins,
    /// The password is right but the account may not log in here or now.
    NotPermitted,
    /// PAM is broken, misconfigured, or a directory service does not answer.
    Unavailable,
}

/// What one PAM transaction led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Return value of `pam_start` if it failed, else of `pam_authenticate`.
    pub(super) authenticate: c_int,
    /// Return value of `pam_acct_mgmt`; `None` when it was not reached.
    pub(super) account: Option<c_int>,
    /// `PAM_USER` afterwards: a module may have changed it.
    pub(super) user: Option<CString>,
    /// Whether a module said that the account is locked because of wrong passwords.
    pub(super) locked: bool,
    /// Whether the host is closed by a nologin file.
    pub(super) closed: bool,
}

impl Verdict {
    /// Reads PAM's answer to a login of `user`.
    #[must_use]
    pub(super) fn of(heard: &Heard, user: &LoginName) -> Self {
        let same_user = heard.user.as_ref().is_some_and(|name| name.as_bytes() == user.as_str().as_bytes());
        match (heard.authenticate, heard.account) {
            (ffi::PAM_SUCCESS, Some(_)) if !same_user => Self::BadCredentials,
            (ffi::PAM_SUCCESS, Some(account)) => Self::of_account(account, heard.closed),
            (code, _) => Self::of_authenticate(code, heard.locked),
        }
    }

    /// Whether the password was shown to be right, or nothing was learnt about it: such a login is no guess.
    #[must_use]
    pub fn is_no_guess(self) -> bool {
        !matches!(self, Self::BadCredentials | Self::Locked)
    }

    fn of_authenticate(code: c_int, locked: bool) -> Self {
        match code {
            ffi::PAM_AUTH_ERR | ffi::PAM_MAXTRIES | ffi::PAM_PERM_DENIED if locked => Self::Locked,
            ffi::PAM_AUTH_ERR
            | ffi::PAM_USER_UNKNOWN
            | ffi::PAM_MAXTRIES
            | ffi::PAM_PERM_DENIED
            | ffi::PAM_ACCT_EXPIRED
            | ffi::PAM_CRED_INSUFFICIENT
            | ffi::PAM_NEW_AUTHTOK_REQD
            | ffi::PAM_CONV_ERR => Self::BadCredentials,
            _ => Self::Unavailable,
        }
    }

    /// Every value but success refuses.
    fn of_account(code: c_int, closed: bool) -> Self {
        match code {
            ffi::PAM_SUCCESS => Self::Accepted,
            ffi::PAM_NEW_AUTHTOK_REQD => Self::MustChange,
            ffi::PAM_AUTHTOK_EXPIRED => Self::PasswordExpired,
            ffi::PAM_ACCT_EXPIRED => Self::AccountExpired,
            ffi::PAM_USER_UNKNOWN => Self::BadCredentials,
            // pam_nologin(8) answers so; the modules for places and times answer PAM_PERM_DENIED.
            ffi::PAM_AUTH_ERR if closed => Self::NoLogins,
            ffi::PAM_OPEN_ERR
            | ffi::PAM_SYMBOL_ERR
            | ffi::PAM_SERVICE_ERR
            | ffi::PAM_SYSTEM_ERR
            | ffi::PAM_BUF_ERR
            | ffi::PAM_AUTHINFO_UNAVAIL
            | ffi::PAM_ABORT
            | ffi::PAM_MODULE_UNKNOWN => Self::Unavailable,
            _ => Self::NotPermitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(authenticate: c_int, account: Option<c_int>, user: &str) -> Heard {
        let user = Some(CString::new(user).unwrap());
        Heard { authenticate, account, user, ..Heard::default() }
    }

    fn alice() -> LoginName {
        "alice".parse().unwrap()
    }

    fn verdict(authenticate: c_int, account: Option<c_int>, user: &str) -> Verdict {
        Verdict::of(&heard(authenticate, account, user), &alice())
    }

    #[test]
    fn only_two_successes_for_the_same_user_let_in() {
        assert_eq!(verdict(ffi::PAM_SUCCESS, Some(ffi::PAM_SUCCESS), "alice"), Verdict::Accepted);
        assert_eq!(verdict(ffi::PAM_SUCCESS, Some(ffi::PAM_SUCCESS), "bob"), Verdict::BadCredentials);
        let nameless = Heard { account: Some(ffi::PAM_SUCCESS), ..Heard::default() };
        assert_eq!(Verdict::of(&nameless, &alice()), Verdict::BadCredentials);
        for code in 1..=64 {
            assert_ne!(verdict(code, None, "alice"), Verdict::Accepted, "{code}");
            assert_ne!(verdict(ffi::PAM_SUCCESS, Some(code), "alice"), Verdict::Accepted, "{code}");
        }
        assert_ne!(verdict(ffi::PAM_SUCCESS, None, "alice"), Verdict::Accepted);
    }

    #[test]
    fn nothing_but_a_lock_is_told_before_the_password_was_right() {
        for code in 1..=64 {
            let told = verdict(code, None, "alice");
            assert!(matches!(told, Verdict::BadCredentials | Verdict::Unavailable), "{code} {told:?}");
            let locked = Heard { locked: true, ..heard(code, None, "alice") };
            let told = Verdict::of(&locked, &alice());
            let expected = matches!(told, Verdict::BadCredentials | Verdict::Unavailable | Verdict::Locked);
            assert!(expected, "{code} {told:?}");
        }
    }

    #[test]
    fn the_account_stage_tells_why() {
        for (code, closed, expected) in [
            (ffi::PAM_NEW_AUTHTOK_REQD, false, Verdict::MustChange),
            (ffi::PAM_AUTHTOK_EXPIRED, false, Verdict::PasswordExpired),
            (ffi::PAM_ACCT_EXPIRED, false, Verdict::AccountExpired),
            (ffi::PAM_PERM_DENIED, true, Verdict::NotPermitted),
            (ffi::PAM_AUTH_ERR, false, Verdict::NotPermitted),
            (ffi::PAM_AUTH_ERR, true, Verdict::NoLogins),
            (ffi::PAM_SYSTEM_ERR, true, Verdict::Unavailable),
            (ffi::PAM_SUCCESS, true, Verdict::Accepted),
        ] {
            let heard = Heard { closed, ..heard(ffi::PAM_SUCCESS, Some(code), "alice") };
            assert_eq!(Verdict::of(&heard, &alice()), expected, "{code} {closed}");
        }
    }

    #[test]
    fn only_a_wrong_password_is_a_guess() {
        for verdict in [Verdict::Accepted, Verdict::MustChange, Verdict::NoLogins, Verdict::Unavailable] {
            assert!(verdict.is_no_guess());
        }
        assert!(!Verdict::BadCredentials.is_no_guess() && !Verdict::Locked.is_no_guess());
    }
}
