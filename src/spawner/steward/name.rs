//! Names that an account may be made under: our own grammar, because `useradd` takes `..`, `a/b` and `x;id`. Pure.

use hubgate_protocol::Username;

use crate::config::{Config, is_powerful};

/// Names of systems, of routes and of programs' words: an account of such a name would be taken for something else.
const RESERVED: [&str; 55] = [
    "_apt",
    "account",
    "admin",
    "administrator",
    "api",
    "avahi",
    "backup",
    "bin",
    "cockpit",
    "con",
    "daemon",
    "dnsmasq",
    "everyone",
    "ftp",
    "games",
    "git",
    "group",
    "guest",
    "halt",
    "http",
    "hub",
    "irc",
    "list",
    "lp",
    "mail",
    "man",
    "messagebus",
    "mysql",
    "named",
    "news",
    "nobody",
    "nogroup",
    "null",
    "operator",
    "polkitd",
    "postfix",
    "postgres",
    "proxy",
    "public",
    "self",
    "server",
    "service",
    "services",
    "shutdown",
    "sshd",
    "sssd",
    "static",
    "sync",
    "system",
    "toor",
    "undefined",
    "unknown",
    "user",
    "users",
    "uucp",
];

/// Whether an account may be made under that name: `[a-z][a-z0-9_-]{0,31}`, single dots inside where the site has them.
///
/// # Errors
/// The sentence that says what is wrong with it.
pub fn check(config: &Config, user: &Username) -> Result<(), &'static str> {
    let name = user.as_str();
    if user.is_derived() || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') {
        return Err("accounts are made under names that begin with a-z and do not end with `-`");
    }
    if user.has_dot() && !config.allow_dots {
        return Err("names with a dot are switched off");
    }
    if RESERVED.contains(&name) || is_powerful(name) || name.starts_with("hubgate") {
        return Err("the name is reserved");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(config: &str, name: &str) -> bool {
        check(&Config::parse(config).unwrap(), &name.parse().unwrap()).is_ok()
    }

    #[test]
    fn names_of_people_are_taken_and_those_of_systems_are_not() {
        for name in ["alice", "newuser1", "a.b", "a-b", "a_b", &"z".repeat(32)] {
            assert!(checked("", name), "{name}");
        }
        for name in [
            "root",
            "daemon",
            "sudo",
            "hubgate",
            "hubgate-x",
            "nginx",
            "www-data",
            "hub",
            "static",
            "services",
            "con",
            "undefined",
            "admin",
            "_apt",
            "_x",
            "a-",
            "id--abc",
            "systemd-x",
            "docker",
        ] {
            assert!(!checked("", name), "{name}");
        }
        assert!(!checked("allow_dots = false", "a.b"));
    }
}
