//! The running gateway, as its administrator meets it.

use std::process::Stdio;
use std::time::Duration;

use crate::support::{Background, Instance, program, run_with, until};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn health_is_asked_through_the_socket() {
    let instance = Instance::new();
    let silent = instance.run(&["health"]).failed();
    assert!(silent.contains("does not answer on") && silent.contains("gateway.sock"), "{silent}");
    let mut gateway = instance.command(&["gateway"]);
    let gateway = Background(gateway.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the gateway is well", LIMIT, || instance.run(&["health"]).status == 0);
    assert_eq!(instance.run(&["health"]).done(), "ok\n");
    drop(gateway);
    instance.run(&["health"]).failed();
}

#[test]
fn users_are_managed_while_the_gateway_runs() {
    let instance = Instance::new();
    let mut gateway = instance.command(&["gateway"]);
    let _gateway = Background(gateway.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the gateway is well", LIMIT, || instance.run(&["health"]).status == 0);
    instance.add("ada");
    instance.run_with(&["user", "passwd", "ada", "--password-stdin"], b"another long one\n").done();
    instance.run(&["user", "del", "ada"]).done();
    assert_eq!(instance.users(), Vec::<String>::new());
}

#[test]
fn help_and_mistakes_have_their_exit_status() {
    for (arguments, status) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["user", "--help"], 0),
        (&[], 2),
        (&["nosuch"], 2),
        (&["user"], 2),
    ] {
        assert_eq!(run_with(program().args(arguments), b"").status, status, "{arguments:?}");
    }
}
