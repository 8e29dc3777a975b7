//! `hubgate user add|lock|unlock|del` where the spawner makes accounts of the host: a spawner of the test's own answers.

use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use hubgate_protocol::{Request, Response, frame};

use crate::support::Instance;

/// An instance with PAM.
fn with_pam() -> Instance {
    let instance = Instance::new();
    let file = std::fs::read_to_string(&instance.config).unwrap();
    std::fs::write(&instance.config, file.replace("\"file\"", "\"pam\"")).unwrap();
    instance
}

/// Answers one request with `json`; tells what was asked.
fn spawner(instance: &Instance, json: &'static str) -> JoinHandle<Request> {
    let listener = UnixListener::bind(instance.dir.path().join("spawner.sock")).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let body = frame::read_body(&mut stream).unwrap().unwrap();
        frame::write(&mut stream, &serde_json::from_str::<Response>(json).unwrap()).unwrap();
        frame::decode(&body).unwrap()
    })
}

fn forget(instance: &Instance) {
    std::fs::remove_file(instance.dir.path().join("spawner.sock")).unwrap();
}

#[test]
fn an_account_is_made_with_a_one_time_password_and_its_user_is_in_the_hub() {
    let instance = with_pam();
    let made = r#"{"reply":"created","account":{"user":"ada","uid":2000},"password":"once-only"}"#;
    let asked = spawner(&instance, made);
    let said = instance.run(&["user", "add", "ada", "--admin"]).done();
    assert_eq!(said, "account ada made, administrator of the hub\none-time password: once-only\n");
    let Request::CreateAccount { user, password } = asked.join().unwrap() else { panic!() };
    assert_eq!((user.as_str(), password), ("ada", None));
    let list = instance.run(&["user", "list"]).done();
    assert!(list.lines().nth(1).unwrap().starts_with("ada") && list.contains("yes"), "{list}");
    forget(&instance);
    let asked = spawner(&instance, r#"{"reply":"done"}"#);
    assert_eq!(instance.run(&["user", "lock", "ada"]).done(), "account ada locked\n");
    assert!(matches!(asked.join().unwrap(), Request::LockAccount { locked: true, .. }));
    forget(&instance);
    let asked = spawner(&instance, r#"{"reply":"done"}"#);
    let said = instance.run(&["user", "del", "ada", "--home", "archive"]).done();
    assert!(said.starts_with("account ada removed\nuser ada removed"), "{said}");
    let Request::DeleteAccount { home, .. } = asked.join().unwrap() else { panic!() };
    assert_eq!(home, hubgate_protocol::Home::Archive);
    assert_eq!(instance.users(), Vec::<String>::new());
}

#[test]
fn a_given_password_goes_to_the_spawner_and_is_not_shown() {
    let instance = with_pam();
    let made = r#"{"reply":"created","account":{"user":"bob","uid":2001},"password":null}"#;
    let asked = spawner(&instance, made);
    let said = instance.run_with(&["user", "add", "bob", "--password-stdin"], b"a long password\n").done();
    assert_eq!(said, "account bob made\n");
    let Request::CreateAccount { password, .. } = asked.join().unwrap() else { panic!() };
    assert_eq!(password.unwrap().expose(), "a long password");
}

#[test]
fn what_root_does_not_allow_is_said_and_changes_nothing() {
    let instance = with_pam();
    let no = r#"{"reply":"error","error":"forbidden","message":"accounts are not made here"}"#;
    for arguments in
        [&["user", "add", "ada"][..], &["user", "lock", "ada"], &["user", "del", "ada", "--home", "keep"]]
    {
        let asked = spawner(&instance, no);
        let refused = instance.run(arguments).failed();
        assert!(refused.contains("not made here") && refused.contains("accounts = \"create\""), "{refused}");
        asked.join().unwrap();
        forget(&instance);
    }
    assert_eq!(instance.users(), Vec::<String>::new());
    let gone = instance.run(&["user", "add", "ada"]).failed();
    assert!(gone.contains("the spawner cannot be reached"), "{gone}");
}

#[test]
fn users_of_the_hubs_own_have_no_accounts_to_lock() {
    let instance = Instance::new();
    instance.add("ada");
    assert!(instance.run(&["user", "lock", "ada"]).failed().contains("user disable"));
    assert!(instance.run(&["user", "del", "ada", "--home", "keep"]).failed().contains("--home"));
    assert_eq!(instance.users(), ["ada"]);
}
