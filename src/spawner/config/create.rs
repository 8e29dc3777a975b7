//! The table `[create]`: what the accounts are like that hubgate makes, where `accounts = "create"`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::rules::plain_absolute;

/// Smallest uid and gid of people, login.defs(5); whatever this table says, nothing below is given to an account.
pub const PEOPLE: u32 = 1000;
/// What systemd gives to `DynamicUser=`, nobody, and the 16-bit -1.
const TAKEN: std::ops::RangeInclusive<u32> = 60_001..=65_535;
/// Membership in these means root, other people's files, or this product: no account gets it, whatever this table says.
const POWERFUL: [&str; 27] = [
    "adm",
    "admin",
    "disk",
    "docker",
    "hubgate",
    "incus",
    "incus-admin",
    "input",
    "kmem",
    "kvm",
    "libvirt",
    "lpadmin",
    "lxc",
    "lxd",
    "nginx",
    "podman",
    "root",
    "shadow",
    "staff",
    "sudo",
    "sys",
    "systemd-journal",
    "tty",
    "utmp",
    "video",
    "wheel",
    "www-data",
];

/// The table.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Create {
    /// The primary group of all; empty: each account has one of its own. Default: empty.
    pub primary_group: String,
    /// Further groups of all. Default: none.
    pub groups: Vec<String>,
    /// What a new home begins with. Default `/etc/skel`.
    pub skeleton: PathBuf,
    /// Login shell. Default `/bin/bash`.
    pub shell: PathBuf,
    /// Parent of the homes. Default `/home`.
    pub home_dir: PathBuf,
    /// First uid, at least 1000 and `min_uid`. Default 2000.
    pub uid_min: u32,
    /// Last uid. No uid is given twice. Default 59999.
    pub uid_max: u32,
    /// Program of root's that gets name and uid of each new account as its two arguments, to set a quota; empty: none.
    pub quota_hook: PathBuf,
    /// Where homes of removed accounts are packed, 0700 and root's. Default `/var/lib/hubgate-spawner/archive`.
    pub archive_dir: PathBuf,
}

impl Default for Create {
    fn default() -> Self {
        Self {
            primary_group: String::new(),
            groups: Vec::new(),
            skeleton: PathBuf::from("/etc/skel"),
            shell: PathBuf::from("/bin/bash"),
            home_dir: PathBuf::from("/home"),
            uid_min: 2000,
            uid_max: 59_999,
            quota_hook: PathBuf::new(),
            archive_dir: PathBuf::from("/var/lib/hubgate-spawner/archive"),
        }
    }
}

impl Create {
    /// Whether accounts may be put into a group of that name and number.
    #[must_use]
    pub fn may_be_member(name: &str, gid: u32) -> bool {
        gid >= PEOPLE && !is_powerful(name)
    }

    /// All that is wrong, each as `key: sentence`.
    pub(super) fn problems(&self, min_uid: u32) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |good: bool, text: &str| {
            if !good {
                problems.push(text.to_owned());
            }
        };
        let places = [
            ("skeleton", &self.skeleton),
            ("shell", &self.shell),
            ("home_dir", &self.home_dir),
            ("archive_dir", &self.archive_dir),
        ];
        for (key, path) in places {
            check(is_place(path), &format!("create.{key}: must be an absolute path without `..` and `:`"));
        }
        let hook = self.quota_hook.as_os_str().is_empty() || is_place(&self.quota_hook);
        check(hook, "create.quota_hook: must be empty or an absolute path");
        check(self.uid_min >= PEOPLE.max(min_uid), "create.uid_min: must be at least 1000 and min_uid");
        let range = self.uid_min <= self.uid_max && self.uid_max < 0x8000_0000;
        let free = self.uid_max < *TAKEN.start() || self.uid_min > *TAKEN.end();
        check(
            range && free,
            "create.uid_max: must be at least uid_min, and the range must leave out 60001 to 65535",
        );
        let names = self.groups.iter().chain(Some(&self.primary_group).filter(|name| !name.is_empty()));
        for name in names {
            let good = is_group(name) && !is_powerful(name);
            check(
                good,
                "create: primary_group and groups must be groups of people, none that gives power (sudo, docker, …)",
            );
        }
        problems
    }
}

/// Whether a name is that of a group that gives power over the host.
#[must_use]
pub fn is_powerful(name: &str) -> bool {
    POWERFUL.contains(&name) || name.starts_with("systemd-")
}

/// Paths go into `/etc/passwd`, where a colon ends them.
fn is_place(path: &Path) -> bool {
    let clean = path.to_str().is_some_and(|text| !text.contains([':', '\n', ',']));
    clean && plain_absolute(path)
}

fn is_group(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=32).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn problems(table: &str) -> String {
        Config::parse(&format!("accounts = \"create\"\n[create]\n{table}")).err().unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_good_and_unknown_keys_are_not() {
        assert_eq!(problems(""), "");
        assert!(problems("sudo = true").contains("sudo"));
    }

    #[test]
    fn groups_that_give_power_and_ids_of_the_system_are_out_of_roots_own_reach() {
        for group in [
            "sudo",
            "wheel",
            "docker",
            "shadow",
            "disk",
            "adm",
            "lxd",
            "root",
            "systemd-journal",
            "-x",
            "a,b",
        ] {
            assert!(problems(&format!("groups = [\"users2\", \"{group}\"]")).contains("groups"), "{group}");
            assert!(problems(&format!("primary_group = \"{group}\"")).contains("primary_group"), "{group}");
        }
        for range in
            ["uid_min = 999", "uid_min = 5000\nuid_max = 4999", "uid_max = 61184", "uid_max = 4294967295"]
        {
            assert!(problems(range).contains("uid_m"), "{range}");
        }
        assert!(!super::Create::may_be_member("students", 999));
        assert!(!super::Create::may_be_member("docker", 1500));
        assert!(super::Create::may_be_member("students", 1500));
    }

    #[test]
    fn a_path_must_fit_the_line_of_an_account() {
        for bad in [
            "shell = \"/bin/sh:\"",
            "home_dir = \"home\"",
            "skeleton = \"/etc/../x\"",
            "quota_hook = \"hook\"",
        ] {
            assert!(!problems(bad).is_empty(), "{bad}");
        }
    }
}
