//! Ends of the daemon: nothing that it holds outlives it.

use std::process::Command;

use hubgate_protocol::Phase;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{Rig, eventually, lives, log_of};

#[test]
fn sigterm_ends_every_server_and_removes_every_socket() {
    let mut rig = Rig::start();
    let mut pids = vec![rig.run("alice").pid.unwrap(), rig.run("forks-children").pid.unwrap()];
    pids.extend(eventually("children", || {
        Some(rig.pids("forks-children", "detached")).filter(|pids| pids.len() == 3)
    }));
    rig.signal(Signal::SIGTERM);
    assert!(rig.wait().success(), "{}", log_of(&rig.dir));
    assert!(!pids.iter().any(|pid| lives(*pid)));
    assert!(!rig.socket().exists() && !rig.server_socket("alice").exists());
}

#[test]
fn a_daemon_that_is_killed_leaves_no_server_and_the_next_one_starts_over_what_it_left() {
    let mut rig = Rig::start();
    let mut pids = vec![rig.run("alice").pid.unwrap(), rig.run("forks-children").pid.unwrap()];
    pids.extend(eventually("children", || {
        Some(rig.pids("forks-children", "detached")).filter(|pids| pids.len() == 3)
    }));
    rig.signal(Signal::SIGKILL);
    assert!(!rig.wait().success());
    eventually("the end of every process", || (!pids.iter().any(|pid| lives(*pid))).then_some(()));
    assert!(rig.socket().exists() && rig.server_socket("alice").exists(), "what a kill leaves behind");
    let mut next = crate::rig::command(&rig.dir).spawn().unwrap();
    eventually("the next daemon", || std::os::unix::net::UnixStream::connect(rig.socket()).ok());
    assert_eq!(rig.status("alice").phase, Phase::Stopped);
    rig.run("alice");
    kill(Pid::from_raw(i32::try_from(next.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(next.wait().unwrap().success());
}

#[test]
fn a_killed_keeper_takes_its_server_along() {
    let rig = Rig::start();
    let pid = rig.run("alice").pid.unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let keeper: i32 = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_ne!(u32::try_from(keeper).unwrap(), rig.pid());
    kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
    rig.wait_for("alice", Phase::Failed);
    eventually("the end of the server", || (!lives(pid)).then_some(()));
    rig.run("alice");
}

#[test]
fn a_second_daemon_does_not_take_a_living_ones_socket() {
    let rig = Rig::start();
    let output =
        Command::new(crate::rig::DAEMON).arg("--config").arg(rig.dir.join("spawner.toml")).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("spawner.sock") && said.contains("no other hubgate-spawner"), "{said}");
    rig.assert_unharmed("a second daemon");
}
