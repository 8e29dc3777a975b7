//! What a value must be, beyond its type.

use std::path::{Path, PathBuf};

use hubgate_protocol::service::SERVICES_MAX;

use super::{Accounts, Config, EngineKind, Process};

/// How many uids virtual accounts may take.
pub(crate) const UID_COUNT: u32 = 100_000;
/// The ids above are kept by the kernel and by NFS: -1, -2 and what systemd takes for containers ends below.
const UID_END: u32 = 0x8000_0000;

/// All that is wrong, each as `key: sentence`.
pub(super) fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |good: bool, text: &str| {
        if !good {
            problems.push(text.to_owned());
        }
    };
    check(plain_absolute(&config.state_dir), "state_dir: must be an absolute path without `..`");
    check(plain_absolute(&config.socket_dir), "socket_dir: must be an absolute path without `..`");
    check(plain_absolute(&config.listen), "listen: must be an absolute path without `..`");
    check((1..=366).contains(&config.ticket_days), "ticket_days: must be 1 to 366");
    check(config.min_uid >= 1, "min_uid: must be at least 1, root never has a server");
    check(is_service(&config.pam_service), "pam_service: must be a file name of a-z, 0-9, `_` and `-`");
    check((1..=3600).contains(&config.start_timeout_s), "start_timeout_s: must be 1 to 3600");
    check(config.cut_ports.len() <= 16, "cut_ports: must be at most 16 ports");
    check(!config.cut_ports.contains(&0), "cut_ports: 0 is no port");
    // `unix socket path` + `/` + the longest instance (32 + 1 + 32) + `.sock` must fit the 108 bytes of `sun_path`.
    check(config.socket_dir.as_os_str().len() <= 36, "socket_dir: must be at most 36 bytes long");
    check(config.listen.as_os_str().len() <= 107, "listen: must be at most 107 bytes long");
    check(plain_absolute(&config.services_file), "services_file: must be an absolute path without `..`");
    config.hub.problems().into_iter().for_each(|text| check(false, text));
    config.gpus.problems().into_iter().for_each(|text| check(false, text));
    check(
        is_home(&config.virtual_home),
        "virtual_home: must be a path below /var/lib that ends in `/{user}`",
    );
    let hook = &config.virtual_quota_hook;
    let no_hook = hook.as_os_str().is_empty();
    check(no_hook || plain_absolute(hook), "virtual_quota_hook: must be empty or an absolute path");
    let environment = |(name, path): (&String, &PathBuf)| is_service(name) && plain_absolute(path);
    check(
        config.environments.iter().all(environment),
        "environments: must be names of a-z, 0-9, `_` and `-`, each with an absolute path without `..`",
    );
    if config.accounts == Accounts::Create {
        config.create.problems(config.min_uid).iter().for_each(|text| check(false, text));
    }
    if config.engine == EngineKind::Process {
        check(config.gpus.devices.is_empty(), "gpus: only systemd can keep servers from devices");
        process(&config.process, config.accounts, &mut check);
    }
    problems
}

fn process(process: &Process, accounts: Accounts, check: &mut impl FnMut(bool, &str)) {
    let program = process.command.first().is_some_and(|program| program.starts_with('/'));
    check(program, "process.command: must name a program by its absolute path");
    let text_is_clean = process.command.iter().chain([&process.path]).all(|text| !text.contains('\0'));
    check(text_is_clean, "process: command and path must not hold NUL bytes");
    let url = process.base_url.as_str();
    let good_url = url.is_empty()
        || (url.starts_with('/') && !url.ends_with('/') && url.bytes().all(|b| b.is_ascii_graphic()));
    check(good_url, "process.base_url: must begin with `/` and not end with it");
    if accounts == Accounts::Virtual {
        check(plain_absolute(&process.home_dir), "process.home_dir: must be an absolute path without `..`");
    }
    // The services' uids follow those of the accounts.
    let count = UID_COUNT.saturating_add(u32::try_from(SERVICES_MAX).unwrap_or(u32::MAX));
    let top = process.uid_base.checked_add(count).is_some_and(|end| end <= UID_END);
    check(process.uid_base >= 100_000 && top, "process.uid_base: must be 100000 to 2147383392");
}

pub(super) fn plain_absolute(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| part != std::path::Component::ParentDir)
}

/// Whole components of harmless letters, so that no two users have one home and no home is in another.
fn is_home(template: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    template.len() <= 128
        && template.strip_suffix("/{user}").is_some_and(|parent| parent.split('/').all(component))
}

fn is_service(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: &str = "engine = \"process\"\naccounts = \"virtual\"\n[process]\ncommand = [\"/bin/true\"]\nhome_dir = \"/h\"\n";

    #[test]
    fn an_empty_file_is_a_working_daemon() {
        let config = Config::parse("").unwrap();
        assert_eq!(
            (config.engine, config.accounts, config.min_uid),
            (EngineKind::Systemd, Accounts::Unix, 1000)
        );
        assert!(config.ticket_needed());
    }

    #[test]
    fn virtual_accounts_need_no_ticket_unless_the_file_says_so() {
        assert!(!Config::parse(PROCESS).unwrap().ticket_needed());
        assert!(Config::parse(&format!("start_without_ticket = false\n{PROCESS}")).unwrap().ticket_needed());
    }

    #[test]
    fn a_virtual_home_is_a_directory_of_its_users_own_below_the_state_directory() {
        for good in ["jupyter/{user}", "data/homes.d/{user}"] {
            assert!(Config::parse(&format!("virtual_home = \"{good}\"")).is_ok(), "{good}");
        }
        for bad in [
            "{user}",
            "/srv/{user}",
            "a/../{user}",
            "homes",
            "a/{user}/b",
            "a/x{user}",
            "a//{user}",
            "%h/{user}",
        ] {
            assert!(Config::parse(&format!("virtual_home = \"{bad}\"")).is_err(), "{bad}");
        }
        assert!(Config::parse("virtual_quota_hook = \"quota\"").is_err());
        assert!(Config::parse("[environments]\nml = \"/opt/conda/envs/ml\"").is_ok());
        for bad in ["ml = \"conda/ml\"", "ml = \"/opt/../etc\"", "\"a b\" = \"/opt/x\""] {
            assert!(Config::parse(&format!("[environments]\n{bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_principal_is_a_name_or_a_number() {
        let config = Config::parse("gateway_user = 990\nnginx_group = \"http\"").unwrap();
        assert_eq!(config.gateway_user, super::super::Principal::Number(990));
        assert_eq!(config.nginx_group, super::super::Principal::Name("http".to_owned()));
        assert!(Config::parse("gateway_user = -1").is_err());
        assert!(Config::parse("gateway_user = 4294967296").is_err());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Config::parse("min_uid = 1000\nmin_uuid = 3\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("min_uuid"), "{error}");
        assert!(Config::parse("[process]\nshell = \"/bin/sh\"\n").is_err());
        assert!(Config::parse("min_uid = 1\nmin_uid = 2\n").is_err());
    }

    #[test]
    fn all_bad_values_are_told_at_once() {
        let error = Config::parse("min_uid = 0\nticket_days = 0\npam_service = \"../su\"\nlisten = \"x\"")
            .unwrap_err();
        for key in ["min_uid", "ticket_days", "pam_service", "listen"] {
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn the_process_engine_needs_a_program_and_a_place_for_homes() {
        assert!(Config::parse("engine = \"process\"").is_err());
        assert!(Config::parse(&PROCESS.replace("/bin/true", "true")).is_err());
        assert!(Config::parse(&PROCESS.replace("\"/h\"", "\"/h/../etc\"")).is_err());
        assert!(Config::parse(&format!("{PROCESS}uid_base = 0\n")).is_err());
        assert!(Config::parse(&format!("{PROCESS}base_url = \"/x/\"\n")).is_err());
    }
}
