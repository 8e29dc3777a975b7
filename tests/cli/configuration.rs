//! `hubgate check` and `hubgate gateway` refuse the same files, with file and line.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::corpus;
use crate::support::{Instance, program, run_with, write};

/// What `check` says about a file that must be refused; `gateway` must say the same and not start.
#[track_caller]
fn refused(path: &Path) -> String {
    let say = |command: &str| run_with(program().arg("--config").arg(path).arg(command), b"").failed();
    let complaint = say("check");
    assert_eq!(complaint, say("gateway"));
    assert!(complaint.starts_with(&format!("hubgate: {}:", path.display())), "{complaint}");
    complaint
}

fn refused_text(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.toml");
    write(&path, text.as_bytes(), 0o640);
    refused(&path).replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn a_good_file_is_called_good_and_nothing_is_made() {
    let instance = Instance::new();
    assert!(instance.run(&["check"]).done().ends_with("hubgate.toml: good\n"));
    assert!(!instance.state().exists());
}

#[test]
fn the_printed_sample_is_a_good_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.toml");
    let sample = run_with(program().arg("config"), b"").done();
    write(&path, sample.replace("/var/lib/hubgate", "/no/such/state").as_bytes(), 0o640);
    run_with(program().arg("--config").arg(&path).arg("check"), b"").done();
}

#[test]
fn every_file_of_the_corpus_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.toml");
    for entry in corpus::entries("config_file") {
        write(&path, &entry.bytes, 0o640);
        // config_file-001 is the empty file: no key is required, so it is a hub with every default.
        if entry.id != "config_file-001" {
            assert!(refused(&path).len() < 2048, "{}", entry.id);
        }
    }
}

#[test]
fn the_corpus_in_our_own_keys_is_refused_at_its_line() {
    for (text, complaint) in [
        ("\nworkers = \"443\"", "FILE:2: workers must be a whole number"),
        ("workers = -1", "FILE:1: workers is a number out of range"),
        ("worker = 4", "FILE:1: unknown key \"worker\": did you mean workers?"),
        ("session_secret = \"changeme\"", "FILE:1: unknown key \"session_secret\""),
        ("session_hours = 0", "FILE:1: session_hours must be 1 to 8760, not 0"),
        ("state_dir = \"/tmp\"", "FILE:1: state_dir can be written by group or world"),
        ("state_dir = \":memory:\"", "FILE:1: state_dir must be an absolute path"),
        ("base_url = \"/hub/../\"", "FILE:1: base_url must look like"),
        ("admin_users = [\n\"root\"]", "FILE:1: admin_users names root"),
        ("[a]\na=1\n[a]\na=2", "FILE:3: duplicate key"),
        ("listen = \"gateway.sock\"", "FILE:1: listen must be an absolute path"),
    ] {
        assert!(refused_text(text).contains(complaint), "{text}: {}", refused_text(text));
    }
    let long = format!("socket_dir = \"/run/{}\"", "long/".repeat(20).trim_end_matches('/'));
    assert!(refused_text(&long).contains("FILE:1: socket_dir is too long"));
}

#[test]
fn all_complaints_come_at_once() {
    let complaint = refused_text("workers = 0\nnonsense = 1\nbase_url = \"x\"\n");
    assert_eq!(complaint.lines().count(), 3, "{complaint}");
}

#[test]
fn a_file_that_others_could_have_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.toml");
    for mode in [0o666, 0o660, 0o602] {
        write(&path, b"", mode);
        assert!(refused(&path).contains("chmod"), "{mode:o}");
    }
    write(&path, b"", 0o600);
    let link = dir.path().join("link.toml");
    symlink(&path, &link).unwrap();
    assert!(refused(&link).contains("symbolic link"));
}

#[test]
fn a_fifo_does_not_hold_the_program_up() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("hubgate.toml");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    assert!(refused(&fifo).contains("not a regular file"));
    assert!(refused(Path::new("/no/such/hubgate.toml")).contains("hubgate init"));
}

#[test]
fn a_database_that_is_none_is_refused_by_check_and_start_alike() {
    let instance = Instance::new();
    std::fs::create_dir(instance.state()).unwrap();
    write(&instance.state().join("hubgate.sqlite"), b"", 0o600);
    for command in ["check", "gateway"] {
        assert!(instance.run(&[command]).failed().contains("hubgate.sqlite: is empty"), "{command}");
    }
}
