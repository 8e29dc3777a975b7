//! From PAM's return values to what may be said about a login. Pure.

use hubgate_protocol::Username;
use pam::ffi;
use serde::{Deserialize, Serialize};

use crate::os::PamAnswer;

/// What PAM says about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The password is right and the account may log in.
    Accepted,
    /// Wrong password, unknown or locked account.
    BadCredentials,
    /// The password is right but must be changed first.
    PasswordExpired,
    /// The password is right but the account has expired.
    AccountExpired,
    /// The password is right but the account may not log in here or now.
    NotPermitted,
    /// PAM is broken, misconfigured, or a directory service does not answer.
    Unavailable,
}

impl Verdict {
    /// Reads PAM's answer to a login of `user`.
    #[must_use]
    pub(super) fn of(answer: &PamAnswer, user: &Username) -> Self {
        let same_user = answer.user.as_ref().is_some_and(|name| name.as_bytes() == user.as_str().as_bytes());
        match (answer.authenticate, answer.account) {
            (ffi::PAM_SUCCESS, Some(_)) if !same_user => Self::BadCredentials,
            (ffi::PAM_SUCCESS, Some(account)) => Self::of_account(account),
            (code, _) => Self::of_authenticate(code),
        }
    }

    fn of_authenticate(code: i32) -> Self {
        match code {
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
    fn of_account(code: i32) -> Self {
        match code {
            ffi::PAM_SUCCESS => Self::Accepted,
            ffi::PAM_NEW_AUTHTOK_REQD | ffi::PAM_AUTHTOK_EXPIRED => Self::PasswordExpired,
            ffi::PAM_ACCT_EXPIRED => Self::AccountExpired,
            ffi::PAM_USER_UNKNOWN => Self::BadCredentials,
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

    fn verdict(authenticate: i32, account: Option<i32>, user: &str) -> Verdict {
        let user = Some(std::ffi::CString::new(user).unwrap());
        Verdict::of(&PamAnswer { authenticate, account, user }, &"alice".parse().unwrap())
    }

    #[test]
    fn only_two_successes_for_the_same_user_let_in() {
        assert_eq!(verdict(ffi::PAM_SUCCESS, Some(ffi::PAM_SUCCESS), "alice"), Verdict::Accepted);
        assert_eq!(verdict(ffi::PAM_SUCCESS, Some(ffi::PAM_SUCCESS), "bob"), Verdict::BadCredentials);
        let nameless =
            PamAnswer { authenticate: ffi::PAM_SUCCESS, account: Some(ffi::PAM_SUCCESS), user: None };
        assert_eq!(Verdict::of(&nameless, &"alice".parse().unwrap()), Verdict::BadCredentials);
        for code in 1..=64 {
            assert_ne!(verdict(code, None, "alice"), Verdict::Accepted, "{code}");
            assert_ne!(verdict(ffi::PAM_SUCCESS, Some(code), "alice"), Verdict::Accepted, "{code}");
        }
        assert_ne!(verdict(ffi::PAM_SUCCESS, None, "alice"), Verdict::Accepted);
    }

    #[test]
    fn nothing_about_the_account_is_told_before_the_password_was_right() {
        for code in 1..=64 {
            let told = verdict(code, None, "alice");
            assert!(matches!(told, Verdict::BadCredentials | Verdict::Unavailable), "{code} {told:?}");
        }
    }

    #[test]
    fn the_account_stage_tells_why() {
        assert_eq!(verdict(0, Some(ffi::PAM_NEW_AUTHTOK_REQD), "alice"), Verdict::PasswordExpired);
        assert_eq!(verdict(0, Some(ffi::PAM_ACCT_EXPIRED), "alice"), Verdict::AccountExpired);
        assert_eq!(verdict(0, Some(ffi::PAM_PERM_DENIED), "alice"), Verdict::NotPermitted);
        assert_eq!(verdict(0, Some(ffi::PAM_AUTH_ERR), "alice"), Verdict::NotPermitted);
        assert_eq!(verdict(0, Some(ffi::PAM_SYSTEM_ERR), "alice"), Verdict::Unavailable);
    }
}
