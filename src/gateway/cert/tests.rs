//! Certificates as OpenSSL and a TLS client see them.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use openssl::ssl::{SslAcceptor, SslConnector, SslFiletype, SslMethod};

use super::*;
use crate::clock::Clock;

fn plan(names: &[&str]) -> Plan {
    let names = names.iter().map(|name| name.parse().unwrap()).collect();
    Plan { names, days: DAYS_MAX, ca_days: 3650, now_s: Clock::System.now_s() }
}

fn openssl(dir: &Path, arguments: &[&str]) -> String {
    let run =
        Command::new("openssl").args(arguments).current_dir(dir).output().expect("openssl(1) is needed");
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "openssl {arguments:?}: {text}");
    text
}

/// Shakes hands with a server that has the directory's certificate, as a client that trusts its CA and wants `host`.
fn handshake(dir: &Path, host: &str) -> Result<String, String> {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate_chain_file(dir.join("server.crt")).unwrap();
    acceptor.set_private_key_file(dir.join("server.key"), SslFiletype::PEM).unwrap();
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        if let Ok(mut tls) = acceptor.accept(stream) {
            let _gone = tls.write_all(b"hello");
            let _gone = tls.shutdown();
        }
    });
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_ca_file(dir.join("ca.crt")).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    let answer = connector.build().connect(host, stream).map_err(|error| error.to_string()).map(|mut tls| {
        let mut text = String::new();
        tls.read_to_string(&mut text).unwrap();
        text
    });
    server.join().unwrap();
    answer
}

#[test]
fn openssl_verifies_the_chain_for_every_name_and_address() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path(), &plan(&["hub.example.org", "*.lab.example.org", "127.0.0.1", "::1"])).unwrap();
    let strict = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.crt"];
    for check in [
        ["-verify_hostname", "hub.example.org"],
        ["-verify_hostname", "a.lab.example.org"],
        ["-verify_ip", "::1"],
    ] {
        openssl(dir.path(), &[&strict[..], &check[..], &["server.crt"]].concat());
    }
    let text = openssl(dir.path(), &["x509", "-in", "server.crt", "-noout", "-text"]);
    for part in
        ["TLS Web Server Authentication", "CA:FALSE", "prime256v1", "ecdsa-with-SHA256", "Digital Signature"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_client_that_trusts_the_ca_connects_by_each_name_and_by_no_other() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path(), &plan(&["hub.example.org", "127.0.0.1"])).unwrap();
    assert_eq!(handshake(dir.path(), "hub.example.org").unwrap(), "hello");
    assert_eq!(handshake(dir.path(), "127.0.0.1").unwrap(), "hello");
    assert!(handshake(dir.path(), "evil.example.org").unwrap_err().contains("verify failed"));
}

#[test]
fn the_server_lives_at_most_397_days_and_never_longer_than_its_ca() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path(), &plan(&["a"])).unwrap();
    let life = |name: &str| {
        let certificate = X509::from_pem(&fs::read(dir.path().join(name)).unwrap()).unwrap();
        let life = certificate.not_before().diff(certificate.not_after()).unwrap();
        (life.days, life.secs)
    };
    assert_eq!((life("server.crt"), life("ca.crt")), ((397, 0), (3650, 0)));
    let near_the_end = Plan { now_s: Clock::System.now_s() + 3600 * 86_400, ..plan(&[]) };
    renew(dir.path(), &near_the_end).unwrap();
    assert!(life("server.crt").0 <= 50, "{:?}", life("server.crt"));
    let after = Plan { now_s: Clock::System.now_s() + 3651 * 86_400, ..plan(&[]) };
    assert!(renew(dir.path(), &after).unwrap_err().to_string().contains("expired"));
}

#[test]
fn keys_are_for_their_owner_only_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("tls");
    let paths = create(&out, &plan(&["a"])).unwrap();
    assert_eq!(paths.len(), 4);
    for (name, mode) in [("ca.key", 0o600), ("server.key", 0o600), ("ca.crt", 0o644), ("server.crt", 0o644)] {
        assert_eq!(out.join(name).metadata().unwrap().mode() & 0o777, mode, "{name}");
    }
    fs::remove_file(out.join("ca.crt")).unwrap();
    let kept = fs::read(out.join("server.crt")).unwrap();
    assert!(
        matches!(create(&out, &plan(&["a"])), Err(CertError::Place(PlaceError::Exists(files))) if files.len() == 3)
    );
    assert_eq!(fs::read(out.join("server.crt")).unwrap(), kept);
    assert!(!out.join("ca.crt").exists());
}

#[test]
fn a_renewal_keeps_ca_key_and_names_unless_others_are_given() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path(), &plan(&["hub.example.org", "10.0.0.7", "::1"])).unwrap();
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let (ca, key, old) = (read("ca.crt"), read("server.key"), read("server.crt"));
    renew(dir.path(), &plan(&[])).unwrap();
    assert_eq!((read("ca.crt"), read("server.key")), (ca, key));
    assert_ne!(read("server.crt"), old);
    assert_eq!(handshake(dir.path(), "hub.example.org").unwrap(), "hello");
    let names = name::of(&X509::from_pem(&read("server.crt")).unwrap());
    assert_eq!(names, plan(&["hub.example.org", "10.0.0.7", "::1"]).names);
    renew(dir.path(), &plan(&["other.example.org"])).unwrap();
    assert_eq!(handshake(dir.path(), "other.example.org").unwrap(), "hello");
    assert!(handshake(dir.path(), "hub.example.org").is_err());
}

#[test]
fn a_renewal_needs_the_ca_and_its_own_key() {
    let dir = tempfile::tempdir().unwrap();
    assert!(renew(dir.path(), &plan(&["a"])).unwrap_err().to_string().contains("ca.crt"));
    create(dir.path(), &plan(&["a"])).unwrap();
    fs::copy(dir.path().join("server.key"), dir.path().join("ca.key")).unwrap();
    assert!(renew(dir.path(), &plan(&["a"])).unwrap_err().to_string().contains("does not belong"));
}

#[test]
fn a_plan_outside_the_bounds_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (days, ca_days) in [(0, 100), (398, 3650), (300, 200), (1, 7301)] {
        assert!(create(dir.path(), &Plan { days, ca_days, ..plan(&["a"]) }).is_err(), "{days} {ca_days}");
    }
    assert!(create(dir.path(), &plan(&[])).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
