//! Who may speak to the daemon.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::rig::{PYTHON, Plan, Rig, log_of};

/// Sends one good request and prints how many bytes came back.
const CLIENT: &str = r#"
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
body = b'{"op":"list"}'
try:
    s.sendall(struct.pack(">I", len(body)) + body)
    print(len(s.recv(100)))
except (BrokenPipeError, ConnectionResetError):
    print(0)
"#;

fn stranger(rig: &Rig) -> String {
    let mut command = Command::new(PYTHON);
    command.arg("-c").arg(CLIENT).arg(rig.socket());
    if nix::unistd::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Root is always welcome; without root a gateway of another uid makes this very test the stranger.
fn rig() -> Rig {
    let root = nix::unistd::geteuid().is_root();
    Plan::default().with(if root { "gateway_user = 0" } else { "gateway_user = 65533" }).start()
}

#[test]
fn a_stranger_is_refused_by_its_uid_even_where_the_socket_is_open_to_all() {
    let rig = rig();
    fs::set_permissions(rig.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(stranger(&rig).trim(), "0");
    assert!(log_of(&rig.dir).contains("is neither root nor the gateway"), "{}", log_of(&rig.dir));
}

#[test]
fn a_stranger_cannot_even_connect_to_the_socket_as_it_is_made() {
    let rig = rig();
    assert_eq!(fs::metadata(rig.socket()).unwrap().mode() & 0o777, 0o600);
    if nix::unistd::geteuid().is_root() {
        assert!(stranger(&rig).contains("PermissionError"));
    }
}

#[test]
fn the_gateways_own_uid_is_welcome() {
    let rig = Plan::default().start();
    rig.assert_unharmed("nothing");
    if nix::unistd::geteuid().is_root() {
        let rig = Plan::default().with("gateway_user = 65534").start();
        assert_eq!(fs::metadata(rig.socket()).unwrap().uid(), 65534);
        assert_ne!(stranger(&rig).trim(), "0");
    }
}
