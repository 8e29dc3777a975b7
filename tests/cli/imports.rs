//! `hubgate user import`: all rows or none.

use std::process::Stdio;
use std::time::Duration;

use crate::corpus;
use crate::support::{Background, Instance, until};

/// Rows of the corpus that are wrong only because of their group, a column that our files do not have.
const ABOUT_GROUPS: [&str; 2] = ["csv_users-013", "csv_users-020"];

fn import(instance: &Instance, bytes: &[u8]) -> crate::support::Run {
    let file = instance.csv(bytes);
    instance.run(&["user", "import", &file])
}

#[test]
fn a_list_of_users_is_imported() {
    let instance = Instance::new();
    let run =
        import(&instance, b"\xef\xbb\xbfuser,passwd,admin\r\nann,\"p,\"\"w\",false\r\nbob,x y,TRUE\r\n");
    assert_eq!(run.done(), "2 users added, 0 updated\n");
    let list = instance.run(&["user", "list"]).done();
    let admin: Vec<&str> = list.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!((instance.users(), admin), (vec!["ann".to_owned(), "bob".to_owned()], vec!["no", "yes"]));
}

#[test]
fn one_bad_row_stops_all_and_every_bad_row_is_named() {
    let instance = Instance::new();
    let run = import(&instance, b"user,passwd\nann,pw\nroot,pw\nbob,\nann,pw\n\ncarl,pw,x\n").failed();
    let lines: Vec<&str> = run.lines().map(|line| line.split("users.csv:").last().unwrap()).collect();
    for (line, start) in
        lines.iter().zip(["3: column user", "4: column passwd", "5: column user", "7: has 3 columns"])
    {
        assert!(line.starts_with(start), "{run}");
    }
    assert_eq!(lines.last(), Some(&"hubgate: nothing was imported"));
    assert_eq!(instance.users(), Vec::<String>::new());
}

#[test]
fn users_who_exist_are_changed_only_when_that_is_asked_for() {
    let instance = Instance::new();
    instance.add("ann");
    let file = instance.csv(b"user,passwd\nann,new\nbob,new\n");
    let refused = instance.run(&["user", "import", &file]).failed();
    assert!(refused.contains("users.csv:2: column user: ann exists already"), "{refused}");
    assert_eq!(instance.users(), ["ann"]);
    let done = instance.run(&["user", "import", &file, "--update"]).done();
    assert_eq!((done.as_str(), instance.users().len()), ("1 users added, 1 updated\n", 2));
}

#[test]
fn files_of_the_corpus_are_refused_as_they_are() {
    let instance = Instance::new();
    for entry in corpus::entries("csv_users") {
        let complaint = import(&instance, &entry.bytes).failed();
        assert!(complaint.contains("users.csv: ") && complaint.len() < 2048, "{}: {complaint}", entry.id);
    }
    assert_eq!(instance.users(), Vec::<String>::new());
}

#[test]
fn files_of_the_corpus_in_our_columns_get_the_answer_they_deserve() {
    for entry in
        corpus::entries("csv_users").iter().filter(|entry| !ABOUT_GROUPS.contains(&entry.id.as_str()))
    {
        let instance = Instance::new();
        let header: &[u8] = b"username,groups,admin";
        let mark = if entry.bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut bytes = entry.bytes.clone();
        if bytes[mark..].starts_with(header) {
            bytes.splice(mark..mark + header.len(), *b"username,passwd,admin");
        }
        let run = import(&instance, &bytes);
        match entry.expect.as_str() {
            "accept" => assert!(run.done().contains("users added"), "{}", entry.id),
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
