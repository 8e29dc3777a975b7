//! Settings: what is wrong is said with its place, and nothing is begun.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::rig::{DAEMON, fresh_dir, write_config};

fn run(config: &Path, check: bool) -> (bool, String) {
    let mut command = Command::new(DAEMON);
    command.arg("--config").arg(config).args(check.then_some("--check"));
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn refused(text: &str, mode: u32, expected: &str) {
    let dir = fresh_dir();
    let config = dir.join("spawner.toml");
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
    for check in [true, false] {
        let (good, said) = run(&config, check);
        assert!(!good && said.contains(expected) && said.contains("spawner.toml"), "{said}");
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing else was made");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_good_file_passes_the_check_and_nothing_is_made() {
    let dir = fresh_dir();
    write_config(&dir, &[]);
    let before = fs::read_dir(&dir).unwrap().count();
    let (good, said) = run(&dir.join("spawner.toml"), true);
    assert!(good, "{said}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), before);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn bad_settings_are_refused_with_their_place() {
    refused("min_uid = 1000\nuid_min = 3\n", 0o600, "line 2");
    refused("min_uid = 1000\nuid_min = 3\n", 0o600, "uid_min");
    refused("min_uid = 0\nticket_days = 0", 0o600, "ticket_days");
    refused("engine = \"docker\"", 0o600, "engine");
    refused("engine = \"process\"", 0o600, "process.command");
    refused("listen = 7 # \x1b[31m", 0o600, "line 1");
    refused("min_uid = 1000", 0o602, "chmod go-w");
    refused("min_uid = 1000", 0o620, "chmod go-w");
    refused(&"#".repeat(70_000), 0o600, "bytes");
}

#[test]
fn a_missing_file_a_directory_and_a_pipe_are_refused_at_once() {
    let dir = fresh_dir();
    let pipe = dir.join("spawner.toml");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    for path in [dir.join("nowhere"), dir.clone(), pipe] {
        let (good, said) = run(&path, true);
        assert!(!good && said.contains(path.to_str().unwrap()), "{said}");
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_gateway_user_that_does_not_exist_is_named() {
    let dir = fresh_dir();
    write_config(&dir, &["gateway_user = \"no-such-user\"".to_owned()]);
    let (good, said) = run(&dir.join("spawner.toml"), false);
    assert!(!good && said.contains("gateway_user") && said.contains("no-such-user"), "{said}");
    fs::remove_dir_all(dir).unwrap();
}
