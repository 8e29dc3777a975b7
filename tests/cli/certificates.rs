//! `hubgate cert`.

use std::path::Path;

use crate::support::{Run, program, run_with};

fn cert(dir: &Path, arguments: &[&str]) -> Run {
    run_with(program().arg("cert").arg("--out").arg(dir).args(arguments), b"")
}

fn names(dir: &Path) -> Vec<String> {
    let pem = std::fs::read(dir.join("server.crt")).unwrap();
    let names = openssl::x509::X509::from_pem(&pem).unwrap().subject_alt_names().unwrap();
    names.iter().filter_map(|name| name.dnsname().map(str::to_owned)).collect()
}

#[test]
fn four_files_are_made_and_named_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("new/tls");
    let printed = cert(&tls, &["--name", "hub.example.org", "--name", "192.0.2.7"]).done();
    assert_eq!(printed.lines().count(), 4);
    assert_eq!(names(&tls), ["hub.example.org"]);
    let kept = std::fs::read(tls.join("server.key")).unwrap();
    assert!(
        cert(&tls, &["--name", "other.example.org"])
            .failed()
            .contains("exists already and is not overwritten")
    );
    assert_eq!(
        (names(&tls), std::fs::read(tls.join("server.key")).unwrap()),
        (vec!["hub.example.org".to_owned()], kept)
    );
    assert!(
        cert(&tls, &["--renew", "--name", "other.example.org"]).done().contains("systemctl reload nginx")
    );
    assert_eq!(names(&tls), ["other.example.org"]);
}

#[test]
fn without_names_the_certificate_is_for_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    cert(dir.path(), &[]).done();
    assert!(names(dir.path()).contains(&"localhost".to_owned()));
}

#[test]
fn names_and_days_that_browsers_refuse_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["https://hub.example.org", "a b", "hub_1", "", "300.1.1.1"] {
        let run = cert(dir.path(), &["--name", name]);
        assert_eq!(run.status, 2, "{run:?}");
    }
    assert!(cert(dir.path(), &["--days", "398"]).failed().contains("1 to 397"));
    assert!(cert(dir.path(), &["--renew"]).failed().contains("ca.crt"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
