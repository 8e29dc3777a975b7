//! `hubgate user add|passwd|del|list`.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::corpus;
use crate::support::{Background, Instance, PROGRAM};

fn hash_of(instance: &Instance, name: &str) -> String {
    let store = hubgate::store::Store::open(&instance.state().join("hubgate.sqlite")).unwrap();
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
    let added =
        instance.run_with(&["user", "add", "ada", "--admin", "--password-stdin"], b"first one\n").done();
    assert_eq!(added, "user ada added as administrator\n");
    instance.add("bob");
    let list = instance.run(&["user", "list"]).done();
    let row: Vec<&str> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1], row[2], *row.last().unwrap()), ("ada", "yes", "here", "never"));
    assert!(opens(&instance, "ada", "first one"));
    instance.run_with(&["user", "passwd", "ada", "--password-stdin"], b"second one").done();
    assert!(opens(&instance, "ada", "second one") && !opens(&instance, "ada", "first one"));
    instance.run(&["user", "del", "ada"]).done();
    assert_eq!(instance.users(), ["bob"]);
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
    let again = instance.run_with(&["user", "add", "ada", "--password-stdin"], b"other\n").failed();
    assert!(again.contains("already is a user ada"), "{again}");
    for command in
        [&["user", "del", "nobody-here"][..], &["user", "passwd", "nobody-here", "--password-stdin"]]
    {
        assert!(instance.run_with(command, b"x\n").failed().contains("no user nobody-here"));
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
    let plain = instance.run_with(&["user", "add", "admin", "--password-stdin"], b"x\n").failed();
    assert!(plain.contains("reserved for administrators"), "{plain}");
    instance.run_with(&["user", "add", "admin", "--admin", "--password-stdin"], b"x\n").done();
}

#[test]
fn with_pam_passwords_are_the_hosts() {
    let instance = Instance::new();
    let file = std::fs::read_to_string(&instance.config).unwrap();
    std::fs::write(&instance.config, file.replace("\"file\"", "\"pam\"")).unwrap();
    let refused = instance.run_with(&["user", "add", "ada", "--password-stdin"], b"x\n").failed();
    assert!(refused.contains("authenticator = \"pam\"") && refused.contains("admin_users"), "{refused}");
    assert_eq!(instance.users(), Vec::<String>::new());
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
    let answers = [("Password of ada: ", "typed-by-hand"), ("Again: ", "typed-by-hand")];
    let shown = at_a_terminal(&instance, "user add ada", &answers);
    assert!(shown.contains("user ada added") && !shown.contains("typed"), "{shown}");
    assert!(opens(&instance, "ada", "typed-by-hand"));
    let answers = [("Password of bob: ", "typed-by-hand"), ("Again: ", "typed-by-hanf")];
    let shown = at_a_terminal(&instance, "user add bob", &answers);
    assert!(shown.contains("the two passwords differ"), "{shown}");
    assert_eq!(instance.users(), ["ada"]);
}
