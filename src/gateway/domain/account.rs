//! An account of the host as it is remembered: whether it is still the same one, and whether its password is.

use hubgate_protocol::AccountState;

/// What tells an account from another one of its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Its number; absent where systemd chooses one at each start, or before it was seen.
    pub uid: Option<u32>,
    /// When hubgate made it, seconds since 1970; absent for an account that others made.
    pub created_s: Option<i64>,
    /// Day of its password's last change, days since 1970.
    pub password_changed_day: Option<i64>,
    /// Names of its groups.
    pub groups: Vec<String>,
    /// Whether its password is locked. At a login: something else than the host's shadow file knows the password then.
    pub locked: bool,
}

impl Account {
    /// What is to be remembered of an account that the host has just described.
    #[must_use]
    pub fn seen(uid: Option<u32>, state: &AccountState) -> Self {
        let AccountState { created_s, password_changed_day, groups, locked, .. } = state;
        Self {
            uid,
            created_s: *created_s,
            password_changed_day: *password_changed_day,
            groups: groups.clone(),
            locked: *locked,
        }
    }

    /// Whether the account that has the name now is another one: another number, or made since.
    #[must_use]
    pub fn was_replaced_by(&self, now: &Self) -> bool {
        let (Some(uid), Some(uid_now)) = (self.uid, now.uid) else { return false };
        uid != uid_now || now.created_s.is_some_and(|made_s| self.created_s != Some(made_s))
    }

    /// Whether something is worth being remembered that was not known.
    #[must_use]
    pub fn is_news(&self, now: &Self) -> bool {
        let told = |known: &Option<i64>, now: &Option<i64>| now.is_some() && known != now;
        (now.uid.is_some() && self.uid != now.uid)
            || told(&self.created_s, &now.created_s)
            || told(&self.password_changed_day, &now.password_changed_day)
            || self.groups != now.groups
            || self.locked != now.locked
    }

    /// Whether the password was changed since.
    #[must_use]
    pub fn has_new_password(&self, now: &Self) -> bool {
        let days = self.password_changed_day.zip(now.password_changed_day);
        days.is_some_and(|(day, day_now)| day != day_now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(uid: u32, created_s: Option<i64>) -> Account {
        Account { uid: Some(uid), created_s, ..Account::default() }
    }

    #[test]
    fn another_number_or_a_later_making_is_another_account() {
        let known = account(1001, Some(5));
        assert!(!known.was_replaced_by(&known));
        assert!(known.was_replaced_by(&account(1002, Some(5))));
        assert!(known.was_replaced_by(&account(1001, Some(6))));
        assert!(account(1001, None).was_replaced_by(&account(1001, Some(6))));
        assert!(!account(1001, None).was_replaced_by(&account(1001, None)));
    }

    #[test]
    fn what_was_never_seen_cannot_have_been_replaced() {
        assert!(!Account::default().was_replaced_by(&account(1001, Some(5))));
        assert!(!account(1001, Some(5)).was_replaced_by(&Account::default()));
    }

    #[test]
    fn a_password_is_new_only_where_both_days_are_known() {
        let on = |day| Account { password_changed_day: day, ..Account::default() };
        assert!(on(Some(1)).has_new_password(&on(Some(2))));
        for (before, now) in [(Some(1), Some(1)), (None, Some(2)), (Some(1), None)] {
            assert!(!on(before).has_new_password(&on(now)));
        }
    }
}
