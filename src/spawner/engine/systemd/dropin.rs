//! The drop-in that says whose a named server, or a server of a virtual account, is.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hubgate_protocol::Username;

use super::super::EngineError;
use crate::policy::LoginAccount;

/// Units and drop-ins that last until the next boot.
const RUNTIME: &str = "/run/systemd/system";

/// Where the drop-in of a service is: the template asserts that it exists.
pub(super) fn path(service: &str) -> PathBuf {
    Path::new(RUNTIME).join(format!("{service}.d")).join("50-hubgate.conf")
}

/// Writes the drop-in of `service`; tells whether anything changed.
pub(super) fn write(service: &str, account: &LoginAccount) -> Result<bool, EngineError> {
    let path = path(service);
    put(&path, &content(account)).map_err(|error| EngineError::Failed(format!("{}: {error}", path.display())))
}

fn content(account: &LoginAccount) -> String {
    let user = account.user();
    match account.host() {
        Some(_) => format!("[Service]\nUser={user}\n"),
        // libpam has no account for a dynamic user. `%S` is /var/lib, where StateDirectory= is the home.
        None => format!(
            "[Service]\nUser={}\nDynamicUser=yes\nPAMName=\nStateDirectory=jupyter/{user}\nStateDirectoryMode=0700\n\
             WorkingDirectory=%S/jupyter/{user}\nEnvironment=HOME=%S/jupyter/{user} USER={user} LOGNAME={user}\n",
            dynamic_user(user)
        ),
    }
}

/// All servers of one virtual account share a dynamic user, so that they share the owner of their files. Its name is at
/// most 31 bytes long and has no dots: a hash of 96 bits, where two users meet once in 2^48.
fn dynamic_user(user: &Username) -> String {
    let hash = openssl::sha::sha256(user.as_str().as_bytes());
    let hex: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("hg-{hex}")
}

/// Replaces a file in one step, if its content differs.
fn put(path: &Path, content: &str) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|old| old == content.as_bytes()) {
        return Ok(false);
    }
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(dir)?;
    let fresh = path.with_extension("conf.new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
    file.write_all(content.as_bytes())?;
    // The umask of a daemon is narrower than what systemctl cat, run by anybody, needs.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::rename(&fresh, path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::policy::allow;

    fn account(config: &str, host: bool) -> LoginAccount {
        let user: Username = "alice".parse().unwrap();
        let entry = crate::account::HostAccount {
            user: user.clone(),
            uid: 1000,
            gid: 1000,
            home: "/home/alice".into(),
            shell: "/bin/sh".into(),
            can_log_in: true,
        };
        allow(&Config::parse(config).unwrap(), &user, host.then_some(entry)).unwrap()
    }

    #[test]
    fn a_named_server_runs_as_its_owner() {
        assert_eq!(content(&account("", true)), "[Service]\nUser=alice\n");
    }

    #[test]
    fn a_virtual_account_gets_a_dynamic_user_and_a_home_of_its_own() {
        let text = content(&account("accounts = \"virtual\"", false));
        assert!(
            text.contains("\nDynamicUser=yes\n") && text.contains("\nStateDirectory=jupyter/alice\n"),
            "{text}"
        );
        let user = text.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
        assert!(user.len() <= 31 && user.starts_with("hg-"), "{user}");
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let dir = std::env::temp_dir().join(format!("hubgate-dropin-{}", std::process::id()));
        let path = dir.join("x.service.d/50-hubgate.conf");
        assert!(put(&path, "a").unwrap());
        assert!(!put(&path, "a").unwrap());
        assert!(put(&path, "b").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_place_is_the_one_that_the_template_asserts() {
        let expected = "/run/systemd/system/jupyter-named@alice:gpu.service.d/50-hubgate.conf";
        assert_eq!(path("jupyter-named@alice:gpu.service"), Path::new(expected));
    }
}
