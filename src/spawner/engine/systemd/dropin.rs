//! Drop-ins: whose a named server, or a server of a virtual account, is; where it listens; what a service runs. No secret
//! is in any of them, everybody can read them.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hubgate_protocol::ServiceSpec;

use super::super::{EngineError, Paths};
use crate::account::HostAccount;
use crate::policy::LoginAccount;

/// Units and drop-ins that last until the next boot.
const RUNTIME: &str = "/run/systemd/system";

/// Where the drop-in of a unit is: the templates assert that it exists.
pub(super) fn path(unit: &str) -> PathBuf {
    Path::new(RUNTIME).join(format!("{unit}.d")).join("50-hubgate.conf")
}

/// Writes the drop-in of `unit`; tells whether anything changed.
pub(super) fn write(unit: &str, content: &str) -> Result<bool, EngineError> {
    let path = path(unit);
    let changed =
        put(&path, content).map_err(|error| EngineError::Failed(format!("{}: {error}", path.display())))?;
    if changed {
        log::info!("drop-in of {unit} written");
    }
    Ok(changed)
}

/// Removes the drop-in of `unit`; tells whether there was one.
pub(super) fn remove(unit: &str) -> Result<bool, EngineError> {
    let path = path(unit);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(EngineError::Failed(format!("{}: {error}", path.display()))),
    }
}

/// What is closed to a server; empty where nothing is. A path that is not there is no error.
pub(super) fn closed(paths: &Paths) -> String {
    let line = |key: &str, paths: &[String]| {
        let quoted = paths.iter().map(|path| format!("-{}", quoted(path))).collect::<Vec<_>>().join(" ");
        if quoted.is_empty() { String::new() } else { format!("[Service]\n{key}={quoted}\n") }
    };
    line("ReadOnlyPaths", &paths.read_only) + &line("InaccessiblePaths", &paths.hidden)
}

/// Where a named server listens: its instance has a colon, which cannot stand in the path.
pub(super) fn socket(path: &Path) -> String {
    format!("[Socket]\nListenStream=\nListenStream={}\n", plain(&path.to_string_lossy()))
}

/// Where homes of virtual accounts are, and what sets their quota: root's words.
#[derive(Debug, Clone)]
pub(super) struct VirtualHomes {
    /// Below /var/lib, `{user}` for the name.
    pub(super) template: String,
    /// Program of root's; empty: none.
    pub(super) quota_hook: PathBuf,
}

/// Whose a server is.
pub(super) fn owner(account: &LoginAccount, homes: &VirtualHomes) -> String {
    let user = account.user();
    match account.host() {
        // By number, because such a name may hold what systemd does not take; it finds name, home and groups by that.
        Some(host) if user.is_derived() => format!("[Service]\nUser={}\n", host.uid),
        Some(_) => format!("[Service]\nUser={user}\n"),
        None => virtual_owner(user.as_str(), homes),
    }
}

/// libpam has no account for a dynamic user. `%S` is /var/lib, where StateDirectory= is the home.
fn virtual_owner(user: &str, homes: &VirtualHomes) -> String {
    let home = homes.template.replace("{user}", user);
    let mut text = format!(
        "[Service]\nUser={}\nDynamicUser=yes\nPAMName=\nStateDirectory={home}\nStateDirectoryMode=0700\n\
         WorkingDirectory=%S/{home}\nEnvironment=HOME=%S/{home} USER={user} LOGNAME={user}\n",
        dynamic_user("hg", user)
    );
    if !homes.quota_hook.as_os_str().is_empty() {
        let hook = quoted(&homes.quota_hook.to_string_lossy());
        // `+`: by root, when the directory is there and before the server is.
        text.push_str(&format!("ExecStartPre=+:{hook} {user} %S/private/{home}\n"));
    }
    text
}

/// A managed service: what it runs and as whom.
pub(super) fn service(spec: &ServiceSpec, account: Option<&HostAccount>) -> String {
    let mut text = String::from("[Service]\nExecStart=\nExecStart=:");
    text.push_str(&spec.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    text.push('\n');
    match account {
        Some(host) => {
            let home = host.home.to_string_lossy();
            text.push_str(&format!("User={}\nDynamicUser=no\n", host.name));
            // Who names an account means its files too; the rest of the sandbox stays.
            text.push_str(&format!("ProtectHome=no\nReadWritePaths=-{}\n", quoted(&home)));
            text.push_str(&format!("Environment={}\n", quoted(&format!("HOME={home}"))));
        }
        // Without a name of its own every service would be the one dynamic user of the template.
        None => text.push_str(&format!("User={}\n", dynamic_user("hs", spec.name.as_str()))),
    }
    if let Some(dir) = &spec.cwd {
        let dir = dir.to_string_lossy();
        text.push_str(&format!("WorkingDirectory={}\n", plain(&dir)));
        if dir != "/" {
            text.push_str(&format!("ReadWritePaths=-{}\n", quoted(&dir)));
        }
    }
    text
}

/// A word of a list as systemd.syntax(7) reads it back; `%` begins a specifier.
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '%' => text.push_str("%%"),
            c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// A path as a value that is no list: there are no quotes, and a specifier is all that can be meant by mistake.
fn plain(path: &str) -> String {
    path.replace('%', "%%")
}

/// All servers of one virtual account share a dynamic user, so that they share the owner of their files. Its name is at
/// most 31 bytes long and has no dots: a hash of 96 bits, where two users meet once in 2^48.
fn dynamic_user(prefix: &str, name: &str) -> String {
    let hash = openssl::sha::sha256(name.as_bytes());
    let hex: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}-{hex}")
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
        account_of("alice", config, host)
    }

    fn account_of(name: &str, config: &str, host: bool) -> LoginAccount {
        let name: hubgate_protocol::LoginName = name.parse().unwrap();
        let entry = crate::account::HostAccount {
            name: name.clone(),
            user: name.id(),
            uid: 1000,
            gid: 1000,
            home: "/home/alice".into(),
            shell: "/bin/sh".into(),
            can_log_in: true,
        };
        allow(&Config::parse(config).unwrap(), &name, host.then_some(entry)).unwrap()
    }

    fn homes() -> VirtualHomes {
        VirtualHomes { template: "jupyter/{user}".to_owned(), quota_hook: PathBuf::new() }
    }

    #[test]
    fn a_named_server_runs_as_its_owner() {
        assert_eq!(owner(&account("", true), &homes()), "[Service]\nUser=alice\n");
        assert_eq!(owner(&account_of("A.B@x.cn", "", true), &homes()), "[Service]\nUser=1000\n");
    }

    #[test]
    fn paths_that_are_closed_stand_as_they_are_whatever_they_hold() {
        let paths = |read_only: &[&str], hidden: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(|&path| path.to_owned()).collect();
            Paths { read_only: owned(read_only), hidden: owned(hidden) }
        };
        assert_eq!(closed(&paths(&[], &[])), "");
        assert_eq!(
            closed(&paths(&["/srv/data", "/srv/a b"], &["/srv/100% \"x\""])),
            "[Service]\nReadOnlyPaths=-\"/srv/data\" -\"/srv/a b\"\n\
             [Service]\nInaccessiblePaths=-\"/srv/100%% \\\"x\\\"\"\n"
        );
    }

    #[test]
    fn a_virtual_account_gets_a_dynamic_user_and_a_home_of_its_own() {
        let text = owner(&account("accounts = \"virtual\"", false), &homes());
        assert!(
            text.contains("\nDynamicUser=yes\n") && text.contains("\nStateDirectory=jupyter/alice\n"),
            "{text}"
        );
        let user = text.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
        assert!(user.len() <= 31 && user.starts_with("hg-"), "{user}");
    }

    #[test]
    fn roots_program_sets_the_quota_of_a_virtual_home_before_the_server_is_there() {
        let homes = VirtualHomes { template: "class/{user}".to_owned(), quota_hook: "/opt/set quota".into() };
        let text = owner(&account("accounts = \"virtual\"", false), &homes);
        assert!(text.contains("\nStateDirectory=class/alice\n"), "{text}");
        assert!(text.ends_with("ExecStartPre=+:\"/opt/set quota\" alice %S/private/class/alice\n"), "{text}");
    }

    #[test]
    fn a_named_server_listens_where_nginx_can_connect() {
        let text = socket(Path::new("/run/jupyter/alice@gpu.sock"));
        assert_eq!(text, "[Socket]\nListenStream=\nListenStream=/run/jupyter/alice@gpu.sock\n");
    }

    fn spec(more: &str) -> ServiceSpec {
        serde_json::from_str(&format!(
            r#"{{"name":"culler","command":["/v/python 3","-c","a\"$X\\%i\n"]{more}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_service_runs_what_the_file_says_word_for_word_as_a_user_of_its_own() {
        let text = service(&spec(r#","environment":{"SECRET":"hidden"}"#), None);
        let lines: Vec<&str> = text.lines().collect();
        let [section, reset, start, user] = lines[..] else { panic!("{text}") };
        assert_eq!((section, reset), ("[Service]", "ExecStart="));
        assert_eq!(start, r#"ExecStart=:"/v/python 3" "-c" "a\"$X\\%%i\x0a""#);
        assert!(user.starts_with("User=hs-") && user.len() <= 36, "{user}");
        assert!(!text.contains("hidden"));
    }

    #[test]
    fn a_service_of_an_account_has_its_home_and_its_directory() {
        let host = account("", true).host().cloned();
        let text =
            service(&spec(r#","user":"alice","cwd":"/srv/a b"}"#.trim_end_matches('}')), host.as_ref());
        for line in [
            "User=alice",
            "DynamicUser=no",
            "ReadWritePaths=-\"/home/alice\"",
            "WorkingDirectory=/srv/a b",
            "ReadWritePaths=-\"/srv/a b\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
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
