//! Names that a new user may have: well formed, and not the name of anything that has power already.

use std::collections::HashSet;

use hubgate_protocol::{NameError, Username};

/// Names that no person gets: accounts of the host and of this product, groups that mean root, and words that stand for
/// something else in URLs, programs or file systems. Sorted.
const RESERVED: &[&str] = &[
    "_apt",
    "adm",
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
/// Names that promise something: only administrators of the hub get them.
const ADMINISTRATORS: [&str; 2] = ["admin", "administrator"];
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
    /// One of [`ADMINISTRATORS`], for somebody who is none.
    #[error("the name is reserved for administrators of the hub")]
    Administrator,
}

/// The names that the system accounts and groups of this host have.
#[derive(Debug, Clone, Default)]
pub struct Taken(HashSet<String>);

impl Taken {
    /// Reads passwd(5) and group(5), whose lines begin alike.
    #[must_use]
    pub fn of(files: &[&str]) -> Self {
        Self(files.iter().flat_map(|text| text.lines().filter_map(system_name)).collect())
    }

    /// Whether a system account or a system group has that name.
    #[must_use]
    pub fn has(&self, name: &Username) -> bool {
        self.0.contains(name.as_str())
    }

    /// Parses a name for a new user.
    ///
    /// # Errors
    /// [`NewcomerError`]. The text is not repeated in it.
    pub fn parse(&self, text: &str, admin: bool) -> Result<Username, NewcomerError> {
        let name: Username = text.parse()?;
        if !admin && ADMINISTRATORS.contains(&name.as_str()) {
            return Err(NewcomerError::Administrator);
        }
        let reserved =
            RESERVED.binary_search(&name.as_str()).is_ok() || name.as_str().starts_with("systemd-");
        if reserved || self.has(&name) { Err(NewcomerError::Reserved) } else { Ok(name) }
    }
}

/// The name of a line `name:x:ID:…` whose id is the system's: passwd(5) and group(5) begin alike.
fn system_name(line: &str) -> Option<String> {
    let mut fields = line.split(':');
    let (name, id) = (fields.next()?, fields.nth(1)?);
    let id: u32 = id.parse().ok()?;
    (id < SYSTEM_BELOW).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> Taken {
        Taken::of(&[
            "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n",
            "ssl-cert:x:110:\n",
        ])
    }

    #[test]
    fn the_list_is_sorted_and_holds_names_only() {
        assert!(RESERVED.is_sorted());
        for reserved in RESERVED {
            assert_eq!(taken().parse(reserved, true), Err(NewcomerError::Reserved), "{reserved}");
        }
    }

    #[test]
    fn a_person_gets_a_name_and_the_system_keeps_its_own() {
        let taken = taken();
        assert_eq!(taken.parse("newuser1", false).unwrap().as_str(), "newuser1");
        assert_eq!(taken.parse("systemd-oom", true), Err(NewcomerError::Reserved));
        assert_eq!(taken.parse("ada", false).unwrap().as_str(), "ada");
        assert_eq!(taken.parse("ssl-cert", true), Err(NewcomerError::Reserved));
        assert!(taken.has(&"root".parse().unwrap()));
        assert!(matches!(taken.parse("Root", true), Err(NewcomerError::Form(_))));
    }

    #[test]
    fn only_an_administrator_is_called_admin() {
        assert_eq!(taken().parse("admin", false), Err(NewcomerError::Administrator));
        assert_eq!(taken().parse("admin", true).unwrap().as_str(), "admin");
    }

    #[test]
    fn system_accounts_are_told_by_their_id() {
        assert_eq!(system_name("sshd:x:105:65534::/run/sshd:/usr/sbin/nologin").as_deref(), Some("sshd"));
        for line in ["ada:x:1000:1000::/home/ada:/bin/bash", "", "x", "a:b:c", "+::::::"] {
            assert_eq!(system_name(line), None, "{line}");
        }
    }
}
