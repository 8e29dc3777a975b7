//! Names that a new user may have: well formed, and not the name of anything that has power already.

use hubgate_protocol::{NameError, Username};
use nix::unistd::{Group, User};

/// Names that no person gets: accounts of the host and of this product, groups that mean root, and words that stand for
/// something else in URLs, programs or file systems. Sorted.
const RESERVED: [&str; 68] = [
    "_apt",
    "adm",
    "admin",
    "administrator",
    "anonymous",
    "api",
    "aux",
    "backup",
    "bin",
    "con",
    "daemon",
    "dbus",
    "disk",
    "docker",
    "everyone",
    "false",
    "games",
    "git",
    "gnats",
    "group",
    "guest",
    "halt",
    "http",
    "hub",
    "hubgate",
    "hubgate-spawner",
    "irc",
    "jupyter",
    "jupyterhub",
    "kmem",
    "list",
    "lp",
    "lxd",
    "mail",
    "man",
    "messagebus",
    "mysql",
    "news",
    "nginx",
    "nil",
    "nobody",
    "nogroup",
    "none",
    "nul",
    "null",
    "operator",
    "polkitd",
    "postgres",
    "proxy",
    "root",
    "services",
    "shadow",
    "shutdown",
    "sshd",
    "static",
    "sudo",
    "sync",
    "sys",
    "syslog",
    "systemd",
    "true",
    "undefined",
    "user",
    "users",
    "uucp",
    "wheel",
    "www",
    "www-data",
];
/// Ids below this belong to the system (`UID_MIN` of login.defs, which every distribution leaves at 1000).
const SYSTEM_BELOW: u32 = 1000;

/// Why a name is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NewcomerError {
    /// Not a name at all.
    #[error("{0}")]
    Form(#[from] NameError),
    /// On the list, or an account or group of the system.
    #[error("the name is reserved for the system")]
    Reserved,
}

/// Parses a name for a new user.
///
/// # Errors
/// [`NewcomerError`]. The text is not repeated in it.
pub fn name(text: &str) -> Result<Username, NewcomerError> {
    let name: Username = text.parse()?;
    if is_reserved(name.as_str()) || is_of_the_host(name.as_str()) {
        return Err(NewcomerError::Reserved);
    }
    Ok(name)
}

fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok() || name.starts_with("systemd-")
}

/// Whether the host has a system account or a system group of that name.
#[must_use]
pub fn is_of_the_host(name: &str) -> bool {
    let user = User::from_name(name).ok().flatten().is_some_and(|user| user.uid.as_raw() < SYSTEM_BELOW);
    user || Group::from_name(name).ok().flatten().is_some_and(|group| group.gid.as_raw() < SYSTEM_BELOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_names_only() {
        assert!(RESERVED.is_sorted());
        for reserved in RESERVED {
            assert_eq!(name(reserved), Err(NewcomerError::Reserved), "{reserved}");
        }
    }

    #[test]
    fn a_person_gets_a_name_and_the_system_keeps_its_own() {
        assert_eq!(name("newuser1").unwrap().as_str(), "newuser1");
        assert_eq!(name("systemd-oom"), Err(NewcomerError::Reserved));
        assert!(is_of_the_host("root"));
        assert!(matches!(name("Root"), Err(NewcomerError::Form(_))));
    }
}
