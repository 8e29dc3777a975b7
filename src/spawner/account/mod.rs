//! Accounts of the host: a name that exists, where its owner lives, and how it stands.

mod standing;

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hubgate_protocol::{LoginName, Username};
use nix::unistd::{Gid, Group, Uid, User};

use crate::config::Principal;

pub use standing::state;

/// The shells that count as such, one a line.
const SHELLS: &str = "/etc/shells";

/// An account that stands in the host's user database. It may or may not be allowed to have servers: see
/// [`crate::policy`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAccount {
    /// The host's name of it, equal to what was asked for.
    pub name: LoginName,
    /// The user that it is: itself where the name is a [`Username`], else [`LoginName::id`].
    pub user: Username,
    /// Numeric id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
    /// Whether that shell lets its owner in.
    pub can_log_in: bool,
}

/// Why an account or group could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The user database failed.
    #[error("the user database cannot be read: {0}")]
    Database(#[from] nix::Error),
    /// There is no such user or group.
    #[error("there is no {kind} `{name}` on this host; create it or name another one in spawner.toml")]
    Missing {
        /// `user` or `group`.
        kind: &'static str,
        /// As the configuration has it.
        name: String,
    },
}

/// The account of that exact name.
///
/// # Errors
/// [`LookupError::Database`]; an absent account is `None`.
pub fn find(name: &LoginName) -> Result<Option<HostAccount>, LookupError> {
    let found = User::from_name(name.as_str())?;
    // A directory service may answer with another spelling of the name: that would be a second name of one account.
    Ok(found.filter(|entry| entry.name == name.as_str()).map(|entry| HostAccount {
        name: name.clone(),
        user: name.id(),
        uid: entry.uid.as_raw(),
        gid: entry.gid.as_raw(),
        home: entry.dir,
        can_log_in: is_login_shell(&entry.shell, std::fs::read_to_string(SHELLS).ok().as_deref()),
        shell: entry.shell,
    }))
}

/// Whether an account with `shell` may work interactively, by the host's list of `shells`, shells(5).
///
/// A Jupyter has terminals: an account that was given `git-shell` or `rbash` must not get round it here.
fn is_login_shell(shell: &Path, shells: Option<&str>) -> bool {
    // passwd(5): an empty field means /bin/sh.
    if shell.as_os_str().is_empty() {
        return true;
    }
    if matches!(shell.file_name().map(OsStrExt::as_bytes), Some(b"nologin" | b"false" | b"sync" | b"true")) {
        return false;
    }
    // A host without the list has no opinion.
    shells.is_none_or(|list| list.lines().any(|line| Path::new(line.trim()) == shell))
}

impl HostAccount {
    /// The name as C code wants it.
    #[must_use]
    pub fn c_name(&self) -> CString {
        CString::new(self.name.as_str()).unwrap_or_default()
    }

    /// The shell, or `/bin/sh` where the entry has none.
    #[must_use]
    pub fn shell(&self) -> &Path {
        if self.shell.as_os_str().is_empty() { Path::new("/bin/sh") } else { &self.shell }
    }
}

/// The uid of a user in the configuration.
///
/// # Errors
/// [`LookupError`].
pub fn uid_of(user: &Principal) -> Result<Uid, LookupError> {
    match user {
        Principal::Number(uid) => Ok(Uid::from_raw(*uid)),
        Principal::Name(name) => {
            let missing = || LookupError::Missing { kind: "user", name: name.clone() };
            Ok(User::from_name(name)?.ok_or_else(missing)?.uid)
        }
    }
}

/// The gid of a group in the configuration.
///
/// # Errors
/// [`LookupError`].
pub fn gid_of(group: &Principal) -> Result<Gid, LookupError> {
    match group {
        Principal::Number(gid) => Ok(Gid::from_raw(*gid)),
        Principal::Name(name) => {
            let missing = || LookupError::Missing { kind: "group", name: name.clone() };
            Ok(Group::from_name(name)?.ok_or_else(missing)?.gid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_and_a_stranger_is_not() {
        assert_eq!(find(&"root".parse().unwrap()).unwrap().unwrap().uid, 0);
        assert_eq!(find(&"no-such-account-here".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn only_listed_shells_let_in_and_those_that_refuse_never_do() {
        let list = Some("# shells\n/bin/bash\n /usr/bin/fish \n/usr/sbin/nologin\n");
        for (shell, list, expected) in [
            ("/bin/bash", list, true),
            ("/usr/bin/fish", list, true),
            ("", list, true),
            ("/usr/bin/git-shell", list, false),
            ("/usr/sbin/nologin", list, false),
            ("/bin/false", None, false),
            ("/bin/zsh", None, true),
        ] {
            assert_eq!(is_login_shell(Path::new(shell), list), expected, "{shell}");
        }
    }

    #[test]
    fn a_missing_principal_is_named() {
        let error = gid_of(&Principal::Name("no-such-group".to_owned())).unwrap_err().to_string();
        assert!(error.contains("no-such-group"), "{error}");
        assert_eq!(uid_of(&Principal::Number(7)).unwrap().as_raw(), 7);
    }
}
