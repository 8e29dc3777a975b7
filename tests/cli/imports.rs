//! `hubgate user import`: all rows or none.

use std::process::Stdio;
use std::time::Duration;

use crate::corpus;
use crate::support::{Background, Instance, until};

/// The row of the corpus that is about rights which whoever may run the program on the host has.
const ABOUT_RIGHTS: &str = "csv_users-020";

fn import(instance: &Instance, bytes: &[u8], options: &[&str]) -> crate::support::Run {
    let file = instance.csv(bytes);
    instance.run(&[&["user", "import", &file], options].concat())
}

fn opens(instance: &Instance, name: &str, password: &str) -> bool {
    let password = hubgate_protocol::Secret::try_from(password.to_owned()).unwrap();
    hubgate::password::verify(&password, user(instance, name).password_hash.as_deref())
}

fn user(instance: &Instance, name: &str) -> hubgate::store::User {
    let store = instance.store();
    store.read(|c| hubgate::store::users::by_name(c, &name.parse().unwrap())).unwrap().unwrap()
}

#[test]
fn the_file_of_a_home_made_authenticator_is_taken_and_holds_no_password_afterwards() {
    let instance = Instance::new();
    let run = import(
        &instance,
        b"\xef\xbb\xbfuser,passwd\r\nann,\"nine, \"\"pale\"\" lanterns\"\r\nbob,123\r\n",
        &[],
    );
    assert_eq!(run.done(), "2 added, 0 changed, 0 unchanged\n");
    assert!(opens(&instance, "ann", "nine, \"pale\" lanterns") && opens(&instance, "bob", "123"));
    assert!(!user(&instance, "ann").standing.must_change && user(&instance, "bob").standing.must_change);
    for name in ["hubgate.sqlite", "hubgate.sqlite-wal"] {
        // The second is there only until the last reader has gone.
        let bytes = std::fs::read(instance.state().join(name)).unwrap_or_default();
        assert!(!bytes.windows(8).any(|part| part == b"lanterns"));
    }
}

#[test]
fn one_bad_row_stops_all_and_every_bad_row_is_named() {
    let instance = Instance::new();
    let bytes = b"user,passwd\nann,pw\nroot,pw\nbob,a\tb\nann,pw\n\ncarl,pw,x\n";
    for options in [&[][..], &["--dry-run"]] {
        let run = import(&instance, bytes, options).failed();
        let lines: Vec<&str> = run.lines().map(|line| line.split("users.csv:").last().unwrap()).collect();
        for (line, start) in
            lines.iter().zip(["3: column user", "4: column passwd", "5: column user", "7: has 3 columns"])
        {
            assert!(line.starts_with(start), "{run}");
        }
        assert_eq!(lines.last(), Some(&"hubgate: nothing was imported"));
    }
    assert_eq!(instance.users(), Vec::<String>::new());
}

#[test]
fn a_dry_run_says_what_is_done_afterwards_and_twice_is_once() {
    let instance = Instance::new();
    instance.add("ann");
    let bytes =
        b"user,passwd,groups,admin,display_name,expires\nann,,g1,,Ann,\nbob,,g1;g2,true,,2027-01-31\n";
    let before = instance.run(&["user", "export"]).done();
    let dry = import(&instance, bytes, &["--update", "--dry-run"]).done();
    assert_eq!(
        dry,
        "2: change ann: +group g1, display name: Ann\n\
         3: add bob: administrator, +group g1, +group g2, expires: 2027-01-31T00:00:00Z\n\
         1 added, 1 changed, 0 unchanged (dry run: nothing was done)\n"
    );
    assert_eq!(instance.run(&["user", "export"]).done(), before);
    assert_eq!(import(&instance, bytes, &["--update"]).done(), "1 added, 1 changed, 0 unchanged\n");
    assert_eq!(import(&instance, bytes, &[]).done(), "0 added, 0 changed, 2 unchanged\n");
    assert!(opens(&instance, "ann", "a long password"));
}

#[test]
fn users_who_exist_are_changed_only_when_that_is_asked_for() {
    let instance = Instance::new();
    instance.add("ann");
    let bytes = b"user,passwd,admin\nann,another long one,true\nbob,another long one,\n";
    let refused = import(&instance, bytes, &[]).failed();
    assert!(refused.contains("users.csv:2: column user: ann exists already and would change"), "{refused}");
    assert!(refused.contains("--update"), "{refused}");
    assert_eq!(instance.users(), ["ann"]);
    assert_eq!(import(&instance, bytes, &["--update"]).done(), "1 added, 1 changed, 0 unchanged\n");
    assert!(user(&instance, "ann").admin && opens(&instance, "ann", "a long password"));
    let again = [&["--update", "--passwords", "--dry-run"][..], &["--update", "--passwords"]];
    let shown = import(&instance, bytes, again[0]).done();
    assert!(shown.starts_with("2: change ann: password\n3: unchanged bob\n"), "{shown}");
    import(&instance, bytes, again[1]).done();
    assert!(opens(&instance, "ann", "another long one"));
    assert_eq!(import(&instance, bytes, again[1]).done(), "0 added, 0 changed, 2 unchanged\n");
}

#[test]
fn an_export_is_read_back_as_it_was() {
    let (one, two) = (Instance::new(), Instance::new());
    let bytes = "user,groups,admin,display_name,login,expires\n\
                 ann,g1;=g2,true,=cmd|' /C calc'!A0,A.B@x.cn,2027-01-31\nbob,,,'张三,张三,\ncarl,,,,,\n";
    import(&one, bytes.as_bytes(), &[]).done();
    let exported = one.run(&["user", "export"]).done();
    assert!(
        exported.contains("'=cmd|") && !exported.contains(",=") && exported.contains("A.B@x.cn"),
        "{exported}"
    );
    assert_eq!(import(&two, exported.as_bytes(), &[]).done(), "3 added, 0 changed, 0 unchanged\n");
    assert_eq!(two.run(&["user", "export"]).done(), exported);
    assert_eq!(import(&two, exported.as_bytes(), &[]).done(), "0 added, 0 changed, 3 unchanged\n");
}

#[test]
fn slips_hold_passwords_for_the_first_login_and_are_for_their_owner_alone() {
    use std::os::unix::fs::MetadataExt;
    let instance = Instance::new();
    let slips = instance.dir.path().join("slips.html");
    let option = ["--slips", slips.to_str().unwrap()];
    import(&instance, b"user\nroot\n", &option).failed();
    assert!(!slips.exists(), "a refused list leaves no slips");
    import(&instance, b"user,passwd,display_name\nann,,<b>Ann\nbob,nine pale lanterns,\n", &option).done();
    assert_eq!(slips.metadata().unwrap().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&slips).unwrap();
    assert!(text.contains("&#60;b&#62;Ann") && text.contains("nine pale lanterns"), "{text}");
    let password = text.split("Password: <code>").nth(1).unwrap().split('<').next().unwrap();
    assert!(opens(&instance, "ann", password) && user(&instance, "ann").standing.must_change);
    assert!(!user(&instance, "bob").standing.must_change);
    let again = import(&instance, b"user\ncarl\n", &option).failed();
    assert!(again.contains("slips.html") && !instance.users().contains(&"carl".to_owned()), "{again}");
}

#[test]
fn files_of_the_corpus_get_the_answer_they_deserve() {
    for entry in corpus::entries("csv_users").iter().filter(|entry| entry.id != ABOUT_RIGHTS) {
        let instance = Instance::new();
        let run = import(&instance, &entry.bytes, &[]);
        match entry.expect.as_str() {
            "accept" => assert!(run.done().contains(" added"), "{}", entry.id),
            "row_error" => {
                let complaint = run.failed();
                assert!(
                    complaint.contains("users.csv:2: ") || complaint.contains("users.csv:3: "),
                    "{}: {complaint}",
                    entry.id
                );
            }
            "file_error" => {
                let complaint = run.failed();
                assert!(
                    complaint.contains("users.csv: ") && complaint.lines().count() == 2,
                    "{}: {complaint}",
                    entry.id
                );
            }
            other => panic!("{}: the class {other} is new", entry.id),
        }
        assert_eq!(instance.users().is_empty(), entry.expect != "accept", "{}", entry.id);
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let instance = Instance::new();
    for path in ["../../no/such.csv", "/", "/dev/zero"] {
        assert!(instance.run(&["user", "import", path]).failed().contains(path), "{path}");
    }
}

#[test]
fn an_import_that_is_killed_has_imported_nobody() {
    let instance = Instance::new();
    instance.add("ada");
    let rows: String = (0..5000).map(|n| format!("user{n},password{n}\n")).collect();
    let file = instance.csv(format!("user,passwd\n{rows}").as_bytes());
    let mut command = instance.command(&["user", "import", &file]);
    let mut import = Background(command.stderr(Stdio::piped()).spawn().unwrap());
    // 5000 hashes take minutes; the first line about the progress comes after two seconds.
    let mut told = std::io::BufReader::new(import.0.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut told, &mut line).unwrap();
    assert!(line.contains("of 5000 passwords hashed"), "{line}");
    drop(import);
    until("the database is free", Duration::from_secs(10), || instance.users() == ["ada"]);
}
