//! How an account stands at this moment: locked, expired, in which groups.

use hubgate_protocol::AccountState;
use nix::unistd::{Gid, Group, getgrouplist};

use super::{HostAccount, LookupError};
use crate::clock::unix_s;
use crate::os::{self, Shadow};

/// Groups that are told, as the protocol says.
const GROUPS_MAX: usize = 256;
/// Seconds of a day, 24 * 60 * 60.
const DAY_S: u64 = 86_400;

/// Reads all that the host's databases say of `account`. It may ask a directory service, and then takes as long as that.
///
/// # Errors
/// [`LookupError::Database`]: it is not known how the account stands, and nobody is to be thrown out for that.
pub fn state(account: &HostAccount) -> Result<AccountState, LookupError> {
    let today = i64::try_from(unix_s() / DAY_S).unwrap_or(i64::MAX);
    let shadow = os::shadow(&account.c_name())?;
    Ok(AccountState {
        groups: groups(account)?,
        ..shadow.map_or_else(AccountState::default, |s| read(&s, today))
    })
}

/// What a shadow entry means on a day, shadow(5). Pure.
fn read(shadow: &Shadow, today: i64) -> AccountState {
    let changed = Some(shadow.changed).filter(|day| *day > 0);
    let too_late = changed.is_some_and(|day| {
        shadow.most >= 0
            && shadow.grace >= 0
            && today > day.saturating_add(shadow.most).saturating_add(shadow.grace)
    });
    AccountState {
        // `*` is no lock: such an account has no password here and is proven by other means, say Kerberos.
        locked: matches!(shadow.mark, None | Some(b'!')),
        expired: too_late || (shadow.expire >= 0 && today >= shadow.expire),
        password_changed_day: changed,
        created_s: None,
        groups: Vec::new(),
    }
}

/// Names of the groups, the primary one first. Numbers without a name are not told.
fn groups(account: &HostAccount) -> Result<Vec<String>, LookupError> {
    let primary = Gid::from_raw(account.gid);
    let mut names: Vec<String> = Vec::new();
    for gid in [primary].into_iter().chain(getgrouplist(&account.c_name(), primary)?) {
        if gid.as_raw() == 0 || names.len() == GROUPS_MAX {
            continue;
        }
        if let Some(group) = Group::from_gid(gid)?
            && !names.contains(&group.name)
        {
            names.push(group.name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_000;

    fn shadow(mark: Option<u8>) -> Shadow {
        Shadow { mark, changed: 19_990, most: -1, grace: -1, expire: -1 }
    }

    #[test]
    fn a_password_that_is_marked_or_gone_is_locked() {
        for (mark, locked) in [(Some(b'$'), false), (Some(b'*'), false), (Some(b'!'), true), (None, true)] {
            assert_eq!(read(&shadow(mark), TODAY).locked, locked, "{mark:?}");
        }
    }

    #[test]
    fn an_account_expires_on_its_day_and_a_password_after_its_grace() {
        let on = |expire| Shadow { expire, ..shadow(Some(b'$')) };
        for (expire, expired) in [(-1, false), (TODAY + 1, false), (TODAY, true), (1, true), (0, true)] {
            assert_eq!(read(&on(expire), TODAY).expired, expired, "{expire}");
        }
        let aged = |most, grace| Shadow { most, grace, ..shadow(Some(b'$')) };
        for (most, grace, expired) in
            [(5, 4, true), (5, 5, false), (5, -1, false), (-1, 0, false), (9, 0, true)]
        {
            assert_eq!(read(&aged(most, grace), TODAY).expired, expired, "{most} {grace}");
        }
    }

    #[test]
    fn the_day_of_a_change_that_is_demanded_is_no_day() {
        assert_eq!(read(&shadow(Some(b'$')), TODAY).password_changed_day, Some(19_990));
        let demanded = Shadow { changed: 0, ..shadow(Some(b'$')) };
        assert_eq!(read(&demanded, TODAY).password_changed_day, None);
    }

    #[test]
    fn the_groups_of_a_system_account_begin_with_its_own_and_never_name_roots() {
        let account = super::super::find(&"daemon".parse().unwrap()).unwrap().unwrap();
        assert_eq!(groups(&account).unwrap().first().map(String::as_str), Some("daemon"));
        let root = super::super::find(&"root".parse().unwrap()).unwrap().unwrap();
        assert!(!groups(&root).unwrap().contains(&"root".to_owned()));
    }
}
