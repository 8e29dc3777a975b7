//! Accounts that hubgate makes, locks and removes, by the host's own programs on an `/etc` of the test's own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hubgate_protocol::{Account, AccountState, ErrorCode, Response};
use nix::sys::signal::Signal;

use crate::rig::{Plan, Rig, eventually, log_of};

/// The daemon that makes accounts from uid 41000 on.
fn create(lines: &[&str]) -> Rig {
    assert!(nix::unistd::geteuid().is_root(), "these tests make accounts and must run as root");
    let plan = Plan::default().with("accounts = \"create\"").with("start_without_ticket = true");
    let plan = plan.with("create.uid_min = 41000").with("create.archive_dir = \"/home/.archive\"");
    lines.iter().fold(plan, |plan, line| plan.with(line)).on_its_own_host().start()
}

fn made(rig: &Rig, name: &str) -> (u32, Option<String>) {
    match rig.ask_json(&format!(r#"{{"op":"create_account","user":"{name}"}}"#)) {
        Response::Created { account: Account { user, uid: Some(uid) }, password } => {
            assert_eq!(user.as_str(), name);
            (uid, password.map(|password| password.expose().to_owned()))
        }
        other => panic!("{other:?}\n{}", log_of(&rig.dir)),
    }
}

fn refused(rig: &Rig, json: &str) -> ErrorCode {
    match rig.ask_json(json) {
        Response::Error { error, .. } => error,
        other => panic!("{json}: {other:?}"),
    }
}

fn state(rig: &Rig, name: &str) -> AccountState {
    match rig.ask_json(&format!(r#"{{"op":"account","user":"{name}"}}"#)) {
        Response::Account { state, .. } => state,
        other => panic!("{other:?}"),
    }
}

/// The fields of the line of `name` in a file of the test's host.
fn line(rig: &Rig, file: &str, name: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(rig.dir.join("etc").join(file)).unwrap();
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    Some(line.split(':').map(str::to_owned).collect())
}

/// In how many of the host's files and places an account is: 5 of them make a whole one.
fn traces(rig: &Rig, name: &str) -> usize {
    let files = ["passwd", "shadow", "group", "gshadow"];
    files.iter().filter(|file| line(rig, file, name).is_some()).count()
        + usize::from(rig.dir.join("home").join(name).exists())
}

/// Locks that are there or not; `.pwd.lock` is held and not made.
fn locks(rig: &Rig) -> Vec<PathBuf> {
    let entries = fs::read_dir(rig.dir.join("etc")).unwrap().map(|entry| entry.unwrap().path());
    let made =
        |path: &PathBuf| path.extension().is_some_and(|end| end == "lock") && !path.ends_with(".pwd.lock");
    entries.filter(made).collect()
}

fn add(rig: &Rig, file: &str, text: &str) {
    let path = rig.dir.join("etc").join(file);
    let old = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{old}{text}\n")).unwrap();
}

#[test]
fn an_account_is_made_as_root_says_with_a_password_that_must_be_changed() {
    let rig = create(&["create.groups = [\"readers\"]", "create.shell = \"/bin/sh\""]);
    add(&rig, "group", "readers:x:40999:");
    let (uid, password) = made(&rig, "alice");
    assert_eq!((uid, password.unwrap().len()), (41000, 23));
    let entry = line(&rig, "passwd", "alice").unwrap();
    assert_eq!(
        (entry[2].as_str(), entry[5].as_str(), entry[6].as_str()),
        ("41000", "/home/alice", "/bin/sh")
    );
    assert!(line(&rig, "group", "readers").unwrap()[3].contains("alice"));
    let shadow = line(&rig, "shadow", "alice").unwrap();
    assert!(shadow[1].starts_with('$') && shadow[2] == "0", "{shadow:?}");
    let home = fs::metadata(rig.dir.join("home/alice")).unwrap();
    assert_eq!((home.uid(), home.mode() & 0o7777), (41000, 0o700));
    let told = state(&rig, "alice");
    assert!(!told.locked && !told.expired && told.created_s.is_some_and(|at| at > 1_700_000_000));
    assert_eq!(told.groups, ["alice", "readers"]);
    assert_eq!(traces(&rig, "alice"), 5);
    assert_eq!(locks(&rig), Vec::<PathBuf>::new());
}

#[test]
fn a_given_password_is_set_and_need_not_be_changed() {
    let rig = create(&[]);
    let answer = rig.ask_json(r#"{"op":"create_account","user":"bob","password":"correct: horse"}"#);
    assert!(matches!(answer, Response::Created { password: None, .. }), "{answer:?}");
    assert_ne!(line(&rig, "shadow", "bob").unwrap()[2], "0");
    let evil = r#"{"op":"create_account","user":"eve","password":"x\nroot:x"}"#;
    assert_eq!(refused(&rig, evil), ErrorCode::BadRequest);
    assert_eq!(traces(&rig, "eve"), 0);
}

#[test]
fn no_hostile_name_of_the_shared_list_becomes_an_account() {
    let rig = create(&[]);
    let before = fs::read_to_string(rig.dir.join("etc/passwd")).unwrap();
    for input in crate::hostile::names_to_create() {
        if input.expect == "accept" {
            continue;
        }
        let body = serde_json::json!({"op": "create_account", "user": input.text}).to_string();
        let mut client = rig.connect();
        client.send(body.as_bytes());
        let answer = client.hear().unwrap();
        let bad = matches!(answer, Response::Error { error: ErrorCode::BadRequest, .. });
        assert!(bad, "{}: {answer:?}", input.text);
    }
    assert_eq!(fs::read_to_string(rig.dir.join("etc/passwd")).unwrap(), before);
    assert_eq!(made(&rig, "newuser1").0, 41000);
}

#[test]
fn what_is_there_is_never_taken_over() {
    let rig = create(&[]);
    add(&rig, "passwd", "carol:x:1999:1999::/home/carol:/bin/sh");
    add(&rig, "group", "physics:x:1998:");
    fs::create_dir(rig.dir.join("home/dave")).unwrap();
    for name in ["carol", "physics", "dave"] {
        let json = format!(r#"{{"op":"create_account","user":"{name}"}}"#);
        assert_eq!(refused(&rig, &json), ErrorCode::Exists, "{name}");
    }
    for json in [
        r#"{"op":"lock_account","user":"carol","locked":true}"#,
        r#"{"op":"delete_account","user":"carol","home":"archive"}"#,
        r#"{"op":"lock_account","user":"root","locked":true}"#,
        r#"{"op":"delete_account","user":"root","home":"archive"}"#,
    ] {
        assert_eq!(refused(&rig, json), ErrorCode::Forbidden, "{json}");
    }
    assert!(line(&rig, "passwd", "carol").is_some() && line(&rig, "passwd", "root").is_some());
}

#[test]
fn groups_of_the_system_are_out_of_reach_though_root_names_them() {
    let rig = create(&["create.groups = [\"games\"]"]);
    let json = r#"{"op":"create_account","user":"alice"}"#;
    assert_eq!(refused(&rig, json), ErrorCode::Engine);
    assert_eq!(traces(&rig, "alice"), 0);
}

#[test]
fn a_lock_closes_every_way_in_and_opens_again_as_it_was() {
    let rig = create(&[]);
    made(&rig, "alice");
    let before = line(&rig, "shadow", "alice").unwrap();
    rig.done(r#"{"op":"lock_account","user":"alice","locked":true}"#);
    rig.done(r#"{"op":"lock_account","user":"alice","locked":true}"#);
    let told = state(&rig, "alice");
    assert!(told.locked && told.expired);
    rig.done(r#"{"op":"lock_account","user":"alice","locked":false}"#);
    assert_eq!(line(&rig, "shadow", "alice").unwrap(), before);
    let told = state(&rig, "alice");
    assert!(!told.locked && !told.expired);
}

#[test]
fn a_removed_account_leaves_its_home_or_an_archive_and_its_number_to_nobody() {
    let rig = create(&[]);
    assert_eq!(made(&rig, "alice").0, 41000);
    fs::write(rig.dir.join("home/alice/thesis"), "words").unwrap();
    rig.done(r#"{"op":"delete_account","user":"alice","home":"keep"}"#);
    assert_eq!(traces(&rig, "alice"), 1);
    let again = r#"{"op":"create_account","user":"alice"}"#;
    assert_eq!(refused(&rig, again), ErrorCode::Exists, "her home is nobody else's");
    assert_eq!(made(&rig, "bob").0, 41001);
    fs::write(rig.dir.join("home/bob/thesis"), "other words").unwrap();
    rig.done(r#"{"op":"delete_account","user":"bob","home":"archive"}"#);
    assert_eq!(traces(&rig, "bob"), 0);
    let archives: Vec<_> =
        fs::read_dir(rig.dir.join("home/.archive")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [archive] = archives.as_slice() else { panic!("{archives:?}") };
    assert_eq!(fs::metadata(archive).unwrap().mode() & 0o777, 0o600);
    let packed =
        std::process::Command::new("tar").args(["-xzOf"]).arg(archive).arg("bob/thesis").output().unwrap();
    assert_eq!(packed.stdout, b"other words");
    assert_eq!(made(&rig, "bob").0, 41002);
}

#[test]
fn an_account_whose_processes_run_is_not_removed_under_them() {
    let rig = create(&[]);
    made(&rig, "alice");
    rig.run("alice");
    // Its server is told to stop, and is waited for.
    rig.done(r#"{"op":"delete_account","user":"alice","home":"keep"}"#);
    assert_eq!(line(&rig, "passwd", "alice"), None);
}

fn hook(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("hook");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn roots_quota_program_is_told_name_and_number_and_its_failure_undoes_the_account() {
    let rig = create(&["create.quota_hook = \"/home/hook\""]);
    hook(&rig.dir.join("home"), "[ $# = 2 ] && [ \"$1\" != eve ] && echo \"$1 $2\" >/home/quota");
    made(&rig, "alice");
    assert_eq!(fs::read_to_string(rig.dir.join("home/quota")).unwrap(), "alice 41000\n");
    assert_eq!(refused(&rig, r#"{"op":"create_account","user":"eve"}"#), ErrorCode::Engine);
    assert_eq!(traces(&rig, "eve"), 0);
    assert!(log_of(&rig.dir).contains("/home/hook"), "the log names the program");
}

/// Pids of the daemon's workers for accounts.
fn workers(rig: &Rig) -> Vec<i32> {
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let ours = line.contains("account-worker") && line.contains(rig.dir.to_str()?);
        ours.then_some(pid)
    });
    children.collect()
}

#[test]
fn a_worker_that_is_killed_at_any_moment_leaves_a_whole_account_or_none() {
    let rig = create(&[]);
    let (mut whole, mut none) = (0, 0);
    for round in 0..16_u64 {
        let name = format!("u{round}");
        let socket = rig.socket();
        let json = format!(r#"{{"op":"create_account","user":"{name}"}}"#);
        let asking = std::thread::spawn(move || {
            crate::rig::Client::to(&socket).ask(&serde_json::from_str(&json).unwrap())
        });
        let worker = eventually("the worker", || workers(&rig).first().copied());
        std::thread::sleep(Duration::from_millis(round * 15));
        let _ended_before = nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker), Signal::SIGKILL);
        let answer = asking.join().unwrap();
        // Whatever asks next finds all in order.
        assert_eq!(
            refused(&rig, r#"{"op":"lock_account","user":"root","locked":true}"#),
            ErrorCode::Forbidden
        );
        match (traces(&rig, &name), &answer) {
            (5, Response::Created { .. }) => whole += 1,
            (0, Response::Error { .. }) => none += 1,
            // Killed after the last step and before the answer.
            (5, Response::Error { .. }) if rig.dir.join(format!("state/accounts/{name}.json")).exists() => {
                whole += 1
            }
            (traces, _) => panic!("{name} after {} ms: {traces} traces, {answer:?}", round * 15),
        }
        assert_eq!(locks(&rig), Vec::<PathBuf>::new(), "{name}");
    }
    assert!(none > 0, "{whole} whole, {none} none");
}

#[test]
fn what_a_killed_daemon_and_its_worker_left_is_gone_after_the_next_start() {
    let mut rig = create(&["create.quota_hook = \"/home/hook\""]);
    hook(&rig.dir.join("home"), "touch /home/reached; sleep 600");
    let mut client = rig.connect();
    client.send(br#"{"op":"create_account","user":"alice"}"#);
    eventually("the quota program", || rig.dir.join("home/reached").exists().then_some(()));
    rig.signal(Signal::SIGKILL);
    rig.wait();
    for pid in workers(&rig) {
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    assert_eq!(traces(&rig, "alice"), 5);
    fs::write(rig.dir.join("etc/passwd.lock"), "2147483646\0").unwrap();
    fs::remove_file(rig.dir.join("notify.sock")).unwrap();
    let dir = rig.dir.clone();
    let again = Plan::start_in(dir, true);
    eventually("the account is undone", || (traces(&again, "alice") == 0).then_some(()));
    eventually("its record is gone", || {
        (!again.dir.join("state/accounts/alice.json").exists()).then_some(())
    });
    assert_eq!(locks(&again), Vec::<PathBuf>::new());
}

#[test]
fn an_account_whose_name_is_no_user_name_has_a_server_of_its_own() {
    let rig = create(&[]);
    for (at, name) in ["A.B@x.cn", "a.b", "a-b", "a_b"].into_iter().enumerate() {
        let (uid, home) = (41500 + at, format!("/home/{at}"));
        add(&rig, "passwd", &format!("{name}:x:{uid}:{uid}::{home}:/bin/sh"));
        fs::create_dir(rig.dir.join(format!("home/{at}"))).unwrap();
        std::os::unix::fs::chown(rig.dir.join(format!("home/{at}")), u32::try_from(uid).ok(), None).unwrap();
        let login: hubgate_protocol::LoginName = name.parse().unwrap();
        let id = login.id();
        rig.done(&format!(r#"{{"op":"start","user":"{id}","account":"{name}"}}"#));
        rig.wait_for(id.as_str(), hubgate_protocol::Phase::Running);
        let seen = rig.look(id.as_str());
        assert_eq!(seen["env"]["USER"], name, "{seen}");
        assert_eq!(seen["env"]["HOME"], home.as_str(), "{seen}");
        assert_eq!(seen["uid"], uid, "{seen}");
    }
    let id = "A.B@x.cn".parse::<hubgate_protocol::LoginName>().unwrap().id();
    let nobody = format!(r#"{{"op":"start","user":"{id}"}}"#);
    assert_eq!(refused(&rig, &nobody), ErrorCode::NoAccount);
    let other = r#"{"op":"start","user":"a.b","account":"A.B@x.cn"}"#;
    assert_eq!(refused(&rig, other), ErrorCode::BadRequest);
    rig.done(&format!(r#"{{"op":"stop","user":"{id}"}}"#));
    rig.wait_for(id.as_str(), hubgate_protocol::Phase::Stopped);
}

#[test]
fn where_root_does_not_say_so_no_account_is_made() {
    let rig = Rig::start();
    for json in [
        r#"{"op":"create_account","user":"alice"}"#,
        r#"{"op":"lock_account","user":"alice","locked":true}"#,
        r#"{"op":"delete_account","user":"alice","home":"keep"}"#,
    ] {
        assert_eq!(refused(&rig, json), ErrorCode::Forbidden, "{json}");
    }
}
