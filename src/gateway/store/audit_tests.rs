//! The audit log in a real file: what it keeps, and what betrays whoever changes it.

use diesel::prelude::*;

use super::audit::{AuditQuery, Verdict, append, holds, list, verify};
use super::{Conn, Store};
use crate::domain::audit::{Action, Actor, Event};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("hubgate.sqlite")).unwrap();
    (dir, store)
}

fn stop(subject: &str) -> Event {
    let address = Some("192.0.2.1".parse().unwrap());
    let actor = Actor::User { name: "ada".parse().unwrap(), address, session: String::new() };
    Event::new(actor, Action::ServerStop, subject).with("name", "Grüße \u{202e}<b>")
}

/// A store with three lines.
fn three() -> (tempfile::TempDir, Store) {
    let (dir, store) = store();
    let events =
        [(1, stop("ada")), (2, stop("bob/gpu")), (3, Event::new(Actor::Hub, Action::ServerCull, "bob"))];
    store.write(|c| append(c, events.get(..2).unwrap())).unwrap();
    store.write(|c| append(c, events.get(2..).unwrap())).unwrap();
    (dir, store)
}

fn meddle(store: &Store, sql: &str) {
    store
        .write(|c| {
            diesel::sql_query("DROP TRIGGER audit_is_not_changed").execute(c)?;
            diesel::sql_query("DROP TRIGGER audit_is_not_shortened").execute(c)?;
            diesel::sql_query(sql).execute(c)
        })
        .unwrap();
}

fn found(store: &Store, query: &AuditQuery) -> Vec<i64> {
    let query = AuditQuery { limit: 10, ..query.clone() };
    store.read(|c| list(c, &query)).unwrap().iter().map(|line| line.id).collect()
}

#[test]
fn a_log_that_nobody_touched_is_whole_and_so_is_an_empty_one() {
    let (_dir, empty) = store();
    assert_eq!(empty.read(verify), Ok(Verdict::Whole { lines: 0, hash: String::new() }));
    let (_dir, store) = three();
    let Ok(Verdict::Whole { lines: 3, hash }) = store.read(verify) else { panic!("not whole") };
    assert!(store.read(|c| holds(c, &hash)).unwrap());
    assert!(!store.read(|c| holds(c, &"0".repeat(64))).unwrap());
}

#[test]
fn the_database_itself_refuses_changes_and_deletions() {
    let (_dir, store) = three();
    for sql in ["UPDATE audit SET subject = 'eve'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 3"] {
        assert!(store.write(|c: &mut Conn| diesel::sql_query(sql).execute(c)).is_err(), "{sql}");
    }
    assert!(matches!(store.read(verify), Ok(Verdict::Whole { lines: 3, .. })));
}

#[test]
fn the_first_line_that_somebody_meddled_with_is_named() {
    let cases = [
        ("UPDATE audit SET event = replace(event, 'bob', 'eve') WHERE id = 2", 2),
        ("UPDATE audit SET subject = 'eve' WHERE id = 1", 1),
        ("UPDATE audit SET at_us = 9 WHERE id = 3", 3),
        ("UPDATE audit SET about = 'eve' WHERE id = 3", 3),
        ("UPDATE audit SET hash = substr(hash, 2) || '0' WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit", 1),
    ];
    for (sql, first) in cases {
        let (_dir, store) = three();
        meddle(&store, sql);
        let verdict = store.read(verify).unwrap();
        assert!(matches!(verdict, Verdict::Broken { id, .. } if id == first), "{sql}: {verdict:?}");
    }
}

#[test]
fn lines_are_found_by_who_what_whom_whence_and_when() {
    let (_dir, store) = three();
    let any = AuditQuery::default();
    assert_eq!(found(&store, &any), [3, 2, 1]);
    let cases = [
        (AuditQuery { of: Some("bob".into()), ..any.clone() }, &[3, 2][..]),
        (AuditQuery { of: Some("ada".into()), ..any.clone() }, &[2, 1]),
        (AuditQuery { actor: Some("hub".into()), ..any.clone() }, &[3]),
        (AuditQuery { action: Some("server_stop".into()), ..any.clone() }, &[2, 1]),
        (AuditQuery { subject: Some("bob".into()), ..any.clone() }, &[3, 2]),
        (AuditQuery { address: Some("192.0.2.1".into()), ..any.clone() }, &[2, 1]),
        (AuditQuery { since_us: Some(2), until_us: Some(3), ..any.clone() }, &[2]),
        (AuditQuery { before: Some(2), ..any }, &[1]),
    ];
    for (query, ids) in cases {
        assert_eq!(found(&store, &query), ids, "{query:?}");
    }
}

#[test]
fn an_event_too_large_for_a_line_is_cut_and_holds_nothing_up() {
    let (_dir, store) = store();
    let huge = stop(&"x".repeat(5000)).with("text", "y".repeat(100_000));
    store.write(|c| append(c, &[(1, huge), (2, stop("ada"))])).unwrap();
    assert!(matches!(store.read(verify), Ok(Verdict::Whole { lines: 2, .. })));
}
