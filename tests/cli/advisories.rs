//! docs/ADVISORIES.md and the tests that it names; and what of the advisories is seen in the sources themselves.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::project::{files, sources, text};
use crate::support::{Instance, program, run_with};

#[test]
fn every_advisory_is_held_by_a_test_that_exists() {
    let table = text("docs/ADVISORIES.md");
    let mut numbers = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| R |")) {
        let (number, rest) = line.trim_start_matches("| ").split_once(" |").unwrap();
        assert!(numbers.insert(number.parse::<u32>().unwrap()), "{number} is there twice");
        let named: Vec<&str> =
            rest.rsplit(" | ").next().unwrap().split('`').filter(|part| part.contains("::")).collect();
        assert!(!named.is_empty(), "R{number} names no test");
        for test in named {
            let (file, name) = test.split_once("::").unwrap();
            let source = text(file);
            let defined = [format!("fn {name}("), format!("def {name}(")];
            assert!(defined.iter().any(|text| source.contains(text)), "R{number}: {file} has no {name}");
        }
    }
    let groups = [1..=18, 20..=29, 30..=41, 50..=64, 70..=92, 100..=113];
    assert_eq!(numbers, groups.into_iter().flatten().collect::<BTreeSet<u32>>());
}

#[test]
fn no_template_writes_text_unescaped() {
    let templates = sources(&["src/gateway/templates"], ".html");
    assert!(templates.len() > 5);
    for (path, text) in templates {
        for raw in
            ["|safe", "| safe", "|escape(", "| escape(", "<script>", " onclick=", " onload=", "javascript:"]
        {
            assert!(!text.contains(raw), "{}: {raw}", path.display());
        }
    }
    for (path, text) in sources(&["src/gateway"], ".rs") {
        let raw = text.contains("escape = \"none\"")
            || text.contains("MarkupDisplay")
            || text.contains("filters::Safe(");
        assert!(!raw, "{}: a page without escaping", path.display());
    }
}

/// The programs that are started are named in full or found in root's own PATH; none of them reads a line of a shell.
#[test]
fn no_program_of_ours_starts_a_shell() {
    for (path, text) in sources(&["src/gateway", "src/spawner", "src/protocol"], ".rs") {
        for shell in ["\"sh\"", "\"bash\"", "/bin/sh\"", "/bin/bash\"", "\"-c\", &format"] {
            assert!(
                !text.contains(&format!("Command::new({shell}")) && !text.contains(&format!("execv({shell}")),
                "{}: {shell}",
                path.display()
            );
        }
        assert!(!text.contains("libc::system("), "{}", path.display());
    }
}

/// A Python that root runs must not take modules, or a configuration, from where somebody else can write.
#[test]
fn python_of_ours_ignores_the_folder_it_is_run_in() {
    let units = sources(&["systemd"], "");
    for (path, text) in &units {
        for line in text.lines().filter(|line| line.starts_with("Exec") && line.contains("python")) {
            assert!(line.contains(" -I"), "{}: {line}", path.display());
        }
    }
    let reader = text("src/gateway/cli/jupyterhub/configuration.rs");
    assert!(reader.contains(r#""/usr/bin/python3""#) && reader.contains(r#""-I""#));
    let home = units.iter().filter(|(path, _)| path.to_string_lossy().contains("jupyter@.service")).count();
    assert_eq!(home, 1);
}

/// Processes end by their cgroup, their pidfd or as our own children, never by a number that came in a message.
#[test]
fn no_program_of_ours_kills_by_a_number_that_a_user_names() {
    for (path, text) in sources(&["src/protocol"], ".rs") {
        assert!(
            !text.contains("pid: i32") && !text.contains("pid: u32"),
            "{}: a message names a process",
            path.display()
        );
    }
    for (path, text) in sources(&["src/gateway"], ".rs") {
        assert!(!text.contains("signal::kill("), "{}: the gateway ends a process", path.display());
    }
}

#[test]
fn what_can_panic_is_denied_by_the_compiler() {
    let manifest: toml::Table = toml::from_str(&text("Cargo.toml")).unwrap();
    let clippy = manifest["workspace"]["lints"]["clippy"].as_table().unwrap();
    for lint in
        ["unwrap_used", "expect_used", "panic", "indexing_slicing", "todo", "unimplemented", "as_conversions"]
    {
        let level = clippy.get(lint).map(ToString::to_string).unwrap_or_default();
        assert!(level.contains("deny") || level.contains("forbid"), "{lint}: {level}");
    }
}

#[test]
fn every_hub_has_a_key_of_its_own() {
    let keys: BTreeSet<Vec<u8>> = (0..2)
        .map(|_| {
            let root = tempfile::tempdir().unwrap();
            run_with(program().args(["init", "--admin", "ada", "--root"]).arg(root.path()), b"").done();
            let path = root.path().join("var/lib/hubgate/hubgate.key");
            assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
            fs::read(path).unwrap()
        })
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.len() >= 32));
    // A key that is cut short is no key.
    let instance = Instance::new();
    fs::create_dir(instance.state()).unwrap();
    fs::set_permissions(instance.state(), fs::Permissions::from_mode(0o700)).unwrap();
    crate::support::write(&instance.state().join("hubgate.key"), b"short", 0o600);
    instance.run(&["gateway"]).failed();
}

#[test]
fn nothing_in_the_sources_can_be_written_by_everybody() {
    for path in files(&["systemd", "nginx", "scripts", "jupyter", "migrations", "docs"]) {
        let mode = path.symlink_metadata().unwrap().mode();
        assert!(path.is_symlink() || mode & 0o002 == 0, "{}: {mode:o}", path.display());
    }
    let installer = text("scripts/install.sh");
    for wide in ["0777", "0666", "a+w", "o+w"] {
        assert!(!installer.contains(wide), "install.sh: {wide}");
    }
}

#[test]
fn nginx_is_given_nothing_that_an_advisory_is_about() {
    let all = sources(&["nginx"], ".conf");
    assert!(all.len() > 10);
    for (path, text) in &all {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let first = line.split_whitespace().next().unwrap_or_default();
            assert!(
                !["rewrite", "alias", "dav_methods", "perl", "js_import", "mp4", "flv"].contains(&first),
                "{}: {line}",
                path.display()
            );
            // A captured piece of a path never becomes a variable that is used again as configuration.
            let captured = first == "set" && ["$1", "$2", "$3"].iter().any(|piece| line.contains(piece));
            assert!(!captured, "{}: {line}", path.display());
            let old = first == "proxy_http_version" && !line.contains("1.1");
            assert!(!old, "{}: {line}", path.display());
        }
    }
    assert!(all.iter().any(|(_, text)| text.contains("proxy_http_version ") && text.contains(" 1.1;")));
}

#[test]
fn the_gateway_is_linked_without_pam() {
    let manifest = text("src/gateway/Cargo.toml");
    assert!(!manifest.contains("pam"), "the gateway's manifest names PAM");
    assert!(text("src/spawner/Cargo.toml").contains("pam"), "the question is asked in the wrong way");
}

/// The version of a crate in Cargo.lock; all of them where there are several.
fn locked(name: &str) -> Vec<Vec<u32>> {
    let lock: toml::Table = toml::from_str(&text("Cargo.lock")).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let named = packages.iter().filter(|package| package["name"].as_str() == Some(name));
    named.map(|package| numbers(package["version"].as_str().unwrap())).collect()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

#[test]
fn versions_that_an_advisory_asks_for_are_met() {
    for (name, least) in [
        ("actix-http", "2.2.1"),
        ("diesel", "2.2.3"),
        ("libsqlite3-sys", "0.25.1"),
        ("time", "0.2.23"),
        ("chrono", "0.4.20"),
        ("remove_dir_all", "0.8.0"),
        ("cookie", "0.7.6"),
    ] {
        for version in locked(name) {
            assert!(version >= numbers(least), "{name} {version:?} is older than {least}");
        }
    }
    assert!(!locked("diesel").is_empty() && !locked("actix-http").is_empty());
    assert!(locked("users").is_empty(), "the crate users is unsound (RUSTSEC-2023-0059)");
    assert!(text("src/gateway/store/open.rs").contains("const SQLITE_MIN: [u32; 3] = [3, 51, 3];"));
    let environment = text("jupyter/requirements.txt");
    let server = environment.lines().find_map(|line| line.strip_prefix("jupyter_server==")).unwrap();
    assert!(numbers(server) >= vec![2, 20, 0], "jupyter_server {server}");
}
