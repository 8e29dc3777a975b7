//! `hubgate init`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::support::{Run, program, run_with};

fn init(root: &Path, arguments: &[&str], input: &[u8]) -> Run {
    run_with(program().arg("init").arg("--root").arg(root).args(arguments), input)
}

fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else {
                found.push(entry.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

const ALL: [&str; 8] = [
    "etc/hubgate/hubgate.toml",
    "etc/hubgate/spawner.toml",
    "etc/hubgate/tls/ca.crt",
    "etc/hubgate/tls/ca.key",
    "etc/hubgate/tls/server.crt",
    "etc/hubgate/tls/server.key",
    "var/lib/hubgate/hubgate.key",
    "var/lib/hubgate/hubgate.sqlite",
];

fn mode(root: &Path, path: &str) -> u32 {
    root.join(path).metadata().unwrap().mode() & 0o777
}

#[test]
fn with_pam_the_administrator_is_named_in_the_configuration() {
    let root = tempfile::tempdir().unwrap();
    let said = init(root.path(), &["--admin", "ada", "--name", "hub.example.org"], b"not needed\n").done();
    assert_eq!(files(root.path()), ALL);
    assert!(said.contains("ada is administrator"), "{said}");
    let config = std::fs::read_to_string(root.path().join(ALL[0])).unwrap();
    assert!(config.contains("\nadmin_users = [\"ada\"]\n") && config.contains("\nauthenticator = \"pam\"\n"));
    assert_eq!((mode(root.path(), ALL[0]), mode(root.path(), ALL[1])), (0o640, 0o600));
    for secret in ["etc/hubgate/tls/ca.key", "etc/hubgate/tls/server.key", ALL[6], ALL[7]] {
        assert_eq!(mode(root.path(), secret), 0o600, "{secret}");
    }
    assert_eq!((mode(root.path(), "etc/hubgate/tls"), mode(root.path(), "var/lib/hubgate")), (0o755, 0o700));
}

#[test]
fn with_the_file_authenticator_a_password_is_made_up_and_shown_once() {
    let root = tempfile::tempdir().unwrap();
    let arguments = ["--admin", "ada", "--authenticator", "file"];
    let said = init(root.path(), &arguments, b"").done();
    let password =
        said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap().split(' ').next().unwrap();
    assert_eq!(password.len(), 23, "{password}");
    let store = hubgate::store::Store::open(&root.path().join(ALL[7])).unwrap();
    let ada = store.read(|c| hubgate::store::users::by_name(c, &"ada".parse().unwrap())).unwrap().unwrap();
    let typed = hubgate_protocol::Secret::try_from(password.to_owned()).unwrap();
    assert!(ada.admin && hubgate::password::verify(&typed, ada.password_hash.as_deref()));
    let again = init(root.path(), &arguments, b"").done();
    assert!(!again.contains("password: ") && again.contains("kept user ada"), "{again}");
}

#[test]
fn a_second_run_keeps_everything_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let contents = || -> Vec<Vec<u8>> {
        ALL[..7].iter().map(|path| std::fs::read(root.path().join(path)).unwrap()).collect()
    };
    init(root.path(), &["--admin", "ada"], b"").done();
    let before = contents();
    let said = init(root.path(), &["--admin", "ada", "--name", "other.example.org"], b"").done();
    assert!(
        said.lines().all(|line| line.starts_with("kept ") || line.contains("stays administrator")),
        "{said}"
    );
    assert_eq!((contents(), files(root.path()).len()), (before, ALL.len()));
}

#[test]
fn what_is_missing_is_made_by_a_second_run() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), &["--admin", "ada"], b"").done();
    std::fs::remove_file(root.path().join("etc/hubgate/spawner.toml")).unwrap();
    std::fs::remove_file(root.path().join("var/lib/hubgate/hubgate.key")).unwrap();
    let said = init(root.path(), &["--admin", "ada"], b"").done();
    assert_eq!(said.lines().filter(|line| line.starts_with("made ")).count(), 2, "{said}");
    assert_eq!(files(root.path()), ALL);
}

#[test]
fn a_certificate_of_ones_own_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let tls = root.path().join("etc/hubgate/tls");
    std::fs::create_dir_all(&tls).unwrap();
    for name in ["server.crt", "server.key"] {
        std::fs::write(tls.join(name), "my own").unwrap();
    }
    init(root.path(), &["--admin", "ada"], b"").done();
    assert_eq!(std::fs::read_to_string(tls.join("server.crt")).unwrap(), "my own");
    assert!(!tls.join("ca.crt").exists());
}

#[test]
fn a_wrong_wish_is_refused_before_anything_is_made() {
    let root = tempfile::tempdir().unwrap();
    for (arguments, input, part) in [
        (&["--name", "hub.example.org"][..], &b""[..], "--admin NAME"),
        (&["--admin", "root"], b"", "root"),
        (&["--admin", "Ada"], b"", "lower-case"),
        (&["--admin", "hubgate", "--authenticator", "file"], b"", "reserved"),
        (&["--admin", "ada", "--authenticator", "file", "--password-stdin"], b"", "empty"),
    ] {
        let complaint = init(root.path(), arguments, input).failed();
        assert!(complaint.contains(part), "{complaint}");
        assert_eq!(files(root.path()), Vec::<String>::new());
    }
}

#[test]
fn nobody_becomes_administrator_by_running_it_again() {
    let root = tempfile::tempdir().unwrap();
    init(root.path(), &["--admin", "ada"], b"").done();
    let complaint = init(root.path(), &["--admin", "eve"], b"").failed();
    assert!(complaint.contains("add it to admin_users there"), "{complaint}");
    let other = init(root.path(), &["--admin", "ada", "--authenticator", "file"], b"").failed();
    assert!(other.contains("names another authenticator"), "{other}");
}
