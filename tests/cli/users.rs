//! `hubgate user add|passwd|del|list`.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hubgate::store::factors::{self, App};

use crate::corpus;
use crate::support::{Background, Instance, PROGRAM};

fn hash_of(instance: &Instance, name: &str) -> String {
    let store = instance.store();
    let user = store.read(|c| hubgate::store::users::by_name(c, &name.parse().unwrap())).unwrap().unwrap();
    user.password_hash.unwrap()
}

fn opens(instance: &Instance, name: &str, password: &str) -> bool {
    let password = hubgate_protocol::Secret::try_from(password.to_owned()).unwrap();
    hubgate::password::verify(&password, Some(&hash_of(instance, name)))
}

#[test]
fn a_user_is_added_listed_changed_and_removed() {
    let instance = Instance::new();
    let added = instance
        .run_with(&["user", "add", "ada", "--admin", "--password-stdin"], b"first one of ours\n")
        .done();
    assert_eq!(added, "user ada added as administrator\n");
    instance.add("bob");
    let list = instance.run(&["user", "list"]).done();
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1], row[2], *row.last().unwrap()), ("ada", "yes", "here", "never"));
    assert!(opens(&instance, "ada", "first one of ours"));
    instance.run_with(&["user", "passwd", "ada", "--password-stdin"], b"second one of ours").done();
    assert!(opens(&instance, "ada", "second one of ours") && !opens(&instance, "ada", "first one of ours"));
    instance.run(&["user", "del", "ada"]).done();
    assert_eq!(instance.users(), ["bob"]);
}

#[test]
fn a_link_to_choose_a_password_is_printed_alone_and_kept_as_a_hash() {
    let instance = Instance::new();
    instance.configure("public_url = \"https://hub.example.org\"\n");
    instance.add("ada");
    let link = instance.run(&["user", "reset", "ada"]).done();
    let secret =
        link.trim_end().strip_prefix("https://hub.example.org/jupyterhub/hub/set-password/").unwrap();
    assert_eq!(secret.len(), 43);
    for file in std::fs::read_dir(instance.state()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(43).any(|part| part == secret.as_bytes()));
    }
    assert!(instance.run(&["user", "reset", "nobody-here"]).failed().contains("no user nobody-here"));
}

#[test]
fn a_link_for_the_first_administrator_is_given_only_where_there_is_none() {
    let instance = Instance::new();
    instance.add("bob");
    assert!(instance.run(&["setup-link"]).done().contains("/jupyterhub/hub/setup/"));
    instance.run_with(&["user", "add", "ada", "--admin", "--password-stdin"], b"a long password\n").done();
    assert!(instance.run(&["setup-link"]).failed().contains("there is an administrator already"));
    let named = Instance::new();
    named.configure("admin_users = [\"ada\"]\n");
    named.run(&["setup-link"]).failed();
}

#[test]
fn a_second_factor_is_taken_away_by_the_administrator() {
    let instance = Instance::new();
    instance.add("ada");
    let none = instance.run(&["user", "reset-factor", "ada"]).done();
    assert_eq!(none, "ada had no second factor; all sessions of ada have ended\n");
    let store = instance.store();
    let put = store.write(|c| {
        let id = hubgate::store::users::id_of(c, &"ada".parse().unwrap())?;
        let app = App { sealed: "sealed".to_owned(), last_step: 0, created_s: 0 };
        factors::put_app(c, id, &app)?;
        factors::put_recovery_codes(c, id, &[[7; 32]])
    });
    put.unwrap();
    let done = instance.run(&["user", "reset-factor", "ada"]).done();
    assert_eq!(done, "ada has no second factor any more; all sessions of ada have ended\n");
    let held = store.read(|c| {
        let id = hubgate::store::users::id_of(c, &"ada".parse().unwrap())?;
        factors::held(c, id)
    });
    assert_eq!(held.unwrap(), factors::Held::default());
    assert!(instance.run(&["user", "reset-factor", "nobody-here"]).failed().contains("no user nobody-here"));
}

#[test]
fn the_database_holds_no_password() {
    let instance = Instance::new();
    instance.run_with(&["user", "add", "ada", "--password-stdin"], b"find-me-if-you-can\n").done();
    for file in std::fs::read_dir(instance.state()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(10).any(|part| part == b"find-me-if"));
    }
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let instance = Instance::new();
    instance.add("ada");
    let hash = hash_of(&instance, "ada");
    let add = |input: &[u8]| instance.run_with(&["user", "add", "bob", "--password-stdin"], input).failed();
    assert!(add(b"").contains("the password is empty"));
    assert!(add(b"\n").contains("the password is empty"));
    assert!(add(b"two\nlines\n").contains("control character"));
    assert!(add(&[b'x'; 2000]).contains("longer than 1024"));
    assert!(add(b"\xff\xfe\n").contains("UTF-8"));
    assert!(add(b"short1\n").contains("at least 8 characters"));
    for easy in [&b"password1\n"[..], b"12345678\n", b"bobbobbob\n"] {
        assert!(add(easy).contains("too easy to guess"));
    }
    let again =
        instance.run_with(&["user", "add", "ada", "--password-stdin"], b"another long one\n").failed();
    assert!(again.contains("already is a user ada"), "{again}");
    for command in
        [&["user", "del", "nobody-here"][..], &["user", "passwd", "nobody-here", "--password-stdin"]]
    {
        assert!(instance.run_with(command, b"a long password\n").failed().contains("no user nobody-here"));
    }
    assert_eq!((instance.users(), hash_of(&instance, "ada")), (vec!["ada".to_owned()], hash));
}

#[test]
fn names_of_the_corpus_are_refused() {
    let instance = Instance::new();
    for entry in corpus::entries("username_create") {
        let name = String::from_utf8(entry.bytes).unwrap();
        let run = instance.run_with(&["user", "add", "--password-stdin", "--", &name], b"a long password\n");
        if entry.expect == "accept" {
            run.done();
        } else {
            assert!(run.failed().len() < 300, "{}", entry.id);
        }
    }
    assert_eq!(instance.users(), ["newuser1"]);
}

#[test]
fn only_an_administrator_is_called_admin() {
    let instance = Instance::new();
    let plain =
        instance.run_with(&["user", "add", "admin", "--password-stdin"], b"a long password\n").failed();
    assert!(plain.contains("reserved for administrators"), "{plain}");
    instance.run_with(&["user", "add", "admin", "--admin", "--password-stdin"], b"a long password\n").done();
}

#[test]
fn a_password_on_the_command_line_is_not_understood() {
    let instance = Instance::new();
    let run = instance.run(&["user", "add", "ada", "--password", "secret"]);
    assert_eq!((run.status, run.out.as_str()), (2, ""));
    assert!(!instance.state().exists());
}

/// Waits until the terminal of script(1)'s child shows nothing that is typed.
fn until_hidden(script: u32) {
    let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
    let child = children.split_whitespace().next().expect("script(1) has a child");
    let terminal = std::fs::read_link(format!("/proc/{child}/fd/0")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let modes = Command::new("stty").arg("-F").arg(&terminal).arg("-a").output().unwrap().stdout;
        if String::from_utf8_lossy(&modes).contains(" -echo ") {
            return;
        }
        assert!(Instant::now() < deadline, "the terminal goes on showing what is typed");
    }
}

/// Types at a terminal of its own (script(1) makes one), each answer after its prompt; everything the terminal showed.
fn at_a_terminal(instance: &Instance, line: &str, answers: &[(&str, &str)]) -> String {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{PROGRAM} {line}"), "/dev/null"]).env("HUBGATE_CONFIG", &instance.config);
    let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script(1) is needed");
    let mut child = Background(child);
    let (mut input, mut output) = (child.0.stdin.take().unwrap(), child.0.stdout.take().unwrap());
    let mut shown = String::new();
    let mut buffer = [0; 256];
    for (prompt, answer) in answers {
        while !shown.ends_with(prompt) {
            let count = output.read(&mut buffer).unwrap();
            assert!(count > 0, "no {prompt:?} after {shown:?}");
            shown.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        // The prompt is written before the terminal stops showing what is typed.
        until_hidden(child.0.id());
        writeln!(input, "{answer}").unwrap();
    }
    output.read_to_string(&mut shown).unwrap();
    shown
}

#[test]
fn at_a_terminal_the_password_is_asked_twice_and_not_shown() {
    let instance = Instance::new();
    let answers = [("Password of ada: ", "typed-by-this-hand"), ("Again: ", "typed-by-this-hand")];
    let shown = at_a_terminal(&instance, "user add ada", &answers);
    assert!(shown.contains("user ada added") && !shown.contains("typed"), "{shown}");
    assert!(opens(&instance, "ada", "typed-by-this-hand"));
    let answers = [("Password of bob: ", "typed-by-this-hand"), ("Again: ", "typed-by-this-hanf")];
    let shown = at_a_terminal(&instance, "user add bob", &answers);
    assert!(shown.contains("the two passwords differ"), "{shown}");
    assert_eq!(instance.users(), ["ada"]);
}
