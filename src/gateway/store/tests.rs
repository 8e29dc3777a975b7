//! The database as a whole: real files, real transactions.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_migrations::MigrationHarness;
use hubgate_protocol::Username;

use super::*;

struct Hub {
    _dir: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

fn hub() -> Hub {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.sqlite");
    let store = Store::open(&path).unwrap();
    Hub { _dir: dir, path, store }
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// Logs in whoever `text` means.
fn login(store: &Store, text: &str, now_s: i64) -> Result<User, StoreError> {
    let login: hubgate_protocol::LoginName = text.parse().unwrap();
    let (user, claimed_groups) = (&login.id(), &[]);
    let note = Login { user, login: &login, display_name: None, claimed_groups, ticket: None, now_s };
    store.write(|c| users::note_login(c, &note))
}

fn ada() -> NewUser {
    NewUser {
        name: name("ada"),
        admin: false,
        password_hash: Some("hash".into()),
        created_s: 5,
        standing: Standing::default(),
    }
}

fn new_password() -> passwords::NewPassword {
    passwords::NewPassword { hash: "new".into(), must_change: true, now_s: 7 }
}

fn session(user_id: i64, byte: u8, expires_s: i64) -> NewSession {
    NewSession {
        hash: [byte; 32],
        user_id,
        created_s: 10,
        expires_s,
        ticket: Some("t".into()),
        public_id: format!("{byte:032x}"),
        origin: super::sessions::Origin::default(),
    }
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Line {
    #[diesel(sql_type = Nullable<Text>)]
    line: Option<String>,
}

fn lines(c: &mut Conn, sql: &str) -> Vec<String> {
    let rows: Vec<Line> = diesel::sql_query(sql).load(c).unwrap();
    rows.into_iter().map(|row| row.line.unwrap_or_default()).collect()
}

fn dump(c: &mut Conn) -> Vec<String> {
    lines(c, "SELECT sql AS line FROM sqlite_schema WHERE name NOT LIKE '%diesel%' ORDER BY name")
}

#[test]
fn a_user_is_found_again_and_a_name_is_given_once() {
    let hub = hub();
    let id = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    let user = hub.store.read(|c| users::by_name(c, &name("ada"))).unwrap().unwrap();
    assert_eq!((user.id, user.admin, user.password_hash.as_deref()), (id, false, Some("hash")));
    assert_eq!(hub.store.write(|c| users::insert(c, &ada())), Err(StoreError::Exists));
    assert_eq!(hub.store.read(|c| users::by_name(c, &name("bob"))).unwrap(), None);
}

#[test]
fn an_id_is_never_given_twice() {
    let hub = hub();
    let first = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    assert!(hub.store.write(|c| users::delete(c, &name("ada"))).unwrap());
    assert!(hub.store.write(|c| users::insert(c, &ada())).unwrap() > first);
}

#[test]
fn a_first_login_makes_the_user_and_a_later_one_keeps_the_password() {
    let hub = hub();
    let user = login(&hub.store, "eve", 7).unwrap();
    assert_eq!((user.created_s, user.last_login_s, user.admin), (7, Some(7), false));
    hub.store.write(|c| users::insert(c, &ada())).unwrap();
    let user = login(&hub.store, "ada", 9).unwrap();
    assert_eq!(
        (user.admin, user.last_login_s, user.password_hash.as_deref()),
        (false, Some(9), Some("hash"))
    );
}

#[test]
fn sessions_live_until_their_end_and_go_with_their_user() {
    let hub = hub();
    let id = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    for (byte, expires_s) in [(1, 100), (2, 50)] {
        hub.store.write(|c| sessions::insert(c, &session(id, byte, expires_s))).unwrap();
    }
    let live = hub.store.read(|c| sessions::live(c, 50)).unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!((live[0].hash, live[0].user.as_str(), live[0].ticket.as_deref()), ([1; 32], "ada", Some("t")));
    assert_eq!(hub.store.write(|c| sessions::delete_expired(c, 50)).unwrap(), 1);
    assert!(hub.store.write(|c| users::delete(c, &name("ada"))).unwrap());
    assert!(hub.store.read(|c| sessions::live(c, 0)).unwrap().is_empty());
}

#[test]
fn a_new_password_ends_the_sessions_of_the_old_one() {
    let hub = hub();
    let id = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    hub.store.write(|c| sessions::insert(c, &session(id, 1, 100))).unwrap();
    hub.store.write(|c| passwords::set(c, &name("ada"), &new_password())).unwrap();
    assert!(hub.store.read(|c| sessions::live(c, 0)).unwrap().is_empty());
    assert_eq!(
        hub.store.write(|c| passwords::set(c, &name("bob"), &new_password())),
        Err(StoreError::NotFound)
    );
}

#[test]
fn a_link_works_once_for_its_purpose_and_until_it_ends() {
    use super::links::{NewLink, Purpose};
    let hub = hub();
    let id = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    let link = |byte: u8, user_id| NewLink {
        hash: [byte; 32],
        purpose: if user_id == Some(id) { Purpose::Password } else { Purpose::Setup },
        user_id,
        created_s: 10,
        expires_s: 100,
    };
    for new in [link(1, Some(id)), link(2, Some(id)), link(3, None), link(4, None)] {
        hub.store.write(|c| links::insert(c, &new)).unwrap();
    }
    let find =
        |byte: u8, purpose, now_s| hub.store.read(|c| links::find(c, &[byte; 32], purpose, now_s)).unwrap();
    assert_eq!(find(2, Purpose::Password, 99), Some(Some(name("ada"))));
    assert_eq!(find(4, Purpose::Setup, 99), Some(None));
    let none = [
        (1, Purpose::Password, 20),
        (3, Purpose::Setup, 20),
        (2, Purpose::Setup, 20),
        (2, Purpose::Password, 100),
    ];
    assert!(none.iter().all(|(byte, purpose, now_s)| find(*byte, *purpose, *now_s).is_none()));
    assert!(hub.store.write(|c| links::take(c, &[4; 32])).unwrap());
    assert!(!hub.store.write(|c| links::take(c, &[4; 32])).unwrap());
    hub.store.write(|c| passwords::set(c, &name("ada"), &new_password())).unwrap();
    assert_eq!(find(2, Purpose::Password, 20), None);
    let ada = hub.store.read(|c| users::by_name(c, &name("ada"))).unwrap().unwrap();
    assert_eq!((ada.standing.must_change, ada.standing.password_changed_s), (true, Some(7)));
}

#[test]
fn the_last_use_of_a_session_never_moves_back() {
    let hub = hub();
    let id = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    hub.store.write(|c| sessions::insert(c, &session(id, 1, 100))).unwrap();
    hub.store.write(|c| sessions::touch(c, &[([1; 32], 40), ([1; 32], 30), ([9; 32], 1)])).unwrap();
    assert_eq!(hub.store.read(|c| sessions::live(c, 0)).unwrap()[0].last_seen_s, 40);
}

#[test]
fn every_change_of_rights_moves_the_revision_and_nothing_else_does() {
    let hub = hub();
    let mut last = hub.store.read(revision::read).unwrap();
    let mut moved = |what: &str| {
        let now = hub.store.read(revision::read).unwrap();
        let moved = now.rights > last.rights;
        last = now;
        (what.to_owned(), moved)
    };
    let id = hub.store.write(|c| users::insert(c, &ada())).unwrap();
    assert!(moved("insert").1);
    hub.store.write(|c| sessions::insert(c, &session(id, 1, 100))).unwrap();
    assert!(moved("login").1);
    hub.store.write(|c| sessions::touch(c, &[([1; 32], 40)])).unwrap();
    login(&hub.store, "ada", 9).unwrap();
    hub.store.write(|c| sessions::delete(c, &[7; 32])).unwrap();
    assert!(!moved("no change").1);
    hub.store.write(|c| users::set_admin(c, &name("ada"), true)).unwrap();
    assert!(moved("admin").1);
    hub.store.write(|c| sessions::delete(c, &[1; 32])).unwrap();
    assert!(moved("logout").1);
    hub.store.write(|c| users::delete(c, &name("ada"))).unwrap();
    assert!(moved("delete").1);
}

#[test]
fn users_come_in_pages() {
    let hub = hub();
    let many: Vec<NewUser> = (0..25).map(|n| NewUser { name: name(&format!("u{n:02}")), ..ada() }).collect();
    assert_eq!(hub.store.write(|c| users::insert_many(c, &many)).unwrap(), 25);
    assert_eq!(hub.store.read(users::count).unwrap(), 25);
    let first = hub.store.read(|c| users::page(c, None, 20)).unwrap();
    let rest = hub.store.read(|c| users::page(c, Some(&first[19].name), 20)).unwrap();
    assert_eq!((first.len(), rest.len(), rest[0].name.as_str()), (20, 5, "u20"));
}

#[test]
fn a_failed_transaction_leaves_nothing_behind_and_a_panic_neither() {
    let hub = hub();
    let clash = vec![NewUser { name: name("bob"), ..ada() }, ada(), ada()];
    assert_eq!(hub.store.write(|c| users::insert_many(c, &clash)), Err(StoreError::Exists));
    let store = hub.store.clone();
    let panicked = std::thread::spawn(move || {
        store.write(|c| {
            users::insert(c, &ada())?;
            panic!("in the middle of a transaction");
            #[allow(unreachable_code)]
            Ok(())
        })
    });
    assert!(panicked.join().is_err());
    assert_eq!(hub.store.read(users::count).unwrap(), 0);
    hub.store.write(|c| users::insert(c, &ada())).unwrap();
}

#[test]
fn another_process_sees_what_was_written_and_waits_for_the_lock() {
    let hub = hub();
    let other = Store::open(&hub.path).unwrap();
    let threads: Vec<_> = [hub.store.clone(), other.clone()]
        .into_iter()
        .enumerate()
        .map(|(who, store)| {
            std::thread::spawn(move || {
                for n in 0..20 {
                    let new = NewUser { name: name(&format!("u{who}-{n}")), ..ada() };
                    store.write(|c| users::count(c).and_then(|_| users::insert(c, &new))).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(other.read(users::count).unwrap(), 40);
}

#[test]
fn the_files_are_closed_to_others_and_durable() {
    let hub = hub();
    hub.store.write(|c| users::insert(c, &ada())).unwrap();
    for end in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{end}", hub.path.display()));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    let settings = "SELECT (SELECT journal_mode FROM pragma_journal_mode) || ' ' || (SELECT synchronous FROM pragma_synchronous) \
                    || ' ' || (SELECT foreign_keys FROM pragma_foreign_keys) AS line";
    assert_eq!(hub.store.write(|c| Ok(lines(c, settings))).unwrap(), ["wal 2 1"]);
    assert_eq!(hub.store.read(|c| Ok(lines(c, settings))).unwrap(), ["wal 2 1"]);
    let leftovers = fs::read_dir(hub.path.parent().unwrap()).unwrap().count();
    assert_eq!(leftovers, 3);
}

#[test]
fn a_reader_cannot_write() {
    let hub = hub();
    assert_eq!(hub.store.read(|c| users::insert(c, &ada())), Err(StoreError::ReadOnly));
}

fn refusal(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = Store::open(path).expect_err("must be refused");
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert_eq!(fs::read(path).ok(), before, "the file was changed");
    error.to_string()
}

#[test]
fn a_file_that_is_no_hub_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.sqlite");
    let put = |bytes: &[u8], mode| {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    put(b"", 0o600);
    assert!(refusal(&path).contains("is empty"));
    put(&[7; 8192], 0o600);
    assert!(refusal(&path).contains("not a SQLite database"));
    put(b"SQLite format 3\0", 0o600);
    assert!(refusal(&path).contains("another program"));
    put(b"", 0o644);
    assert!(refusal(&path).contains("chmod 600"));
    assert!(refusal(dir.path()).contains("regular file"));
    assert!(refusal(Path::new("relative.sqlite")).contains("absolute"));
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    refusal(&link);
}

#[test]
fn a_hub_that_is_cut_short_or_damaged_is_refused() {
    let hub = hub();
    hub.store.write(|c| users::insert(c, &ada())).unwrap();
    let Hub { _dir: dir, path, store } = hub;
    drop(store);
    let whole = fs::read(&path).unwrap();
    let copy = dir.path().join("copy.sqlite");
    let put = |bytes: &[u8]| {
        fs::write(&copy, bytes).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        refusal(&copy)
    };
    assert!(put(&whole[..whole.len() / 2]).contains("cut short"));
    let mut damaged = whole;
    damaged[4096..8192].fill(0xa5);
    assert!(put(&damaged).contains("copy.sqlite: "));
}

/// A kill while the log is copied into the file, page 1 first, leaves the file shorter than page 1 says.
#[test]
fn a_file_that_was_cut_short_by_a_crash_is_whole_again_by_its_log() {
    let hub = hub();
    let many: Vec<NewUser> = (0..500).map(|n| NewUser { name: name(&format!("u{n}")), ..ada() }).collect();
    hub.store.write(|c| users::insert_many(c, &many)).unwrap();
    let mut c = SqliteConnection::establish(hub.path.to_str().unwrap()).unwrap();
    for sql in ["PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_autocheckpoint=0", "VACUUM"] {
        diesel::sql_query(sql).execute(&mut c).unwrap();
    }
    let crashed = hub.path.with_file_name("crashed.sqlite");
    let whole = fs::read(&hub.path).unwrap();
    fs::write(&crashed, &whole[..8192]).unwrap();
    fs::set_permissions(&crashed, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refusal(&crashed).contains("cut short"));
    fs::copy(format!("{}-wal", hub.path.display()), format!("{}-wal", crashed.display())).unwrap();
    assert_eq!(Store::open(&crashed).unwrap().read(users::count).unwrap(), 500);
}

#[test]
fn what_a_killed_maker_left_is_not_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hubgate.sqlite");
    fs::write(path.with_extension(format!("new-{}", std::process::id())), b"half").unwrap();
    Store::open(&path).unwrap();
}

#[test]
fn a_foreign_database_and_one_from_the_future_are_refused() {
    let hub = hub();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    hub.store.write(|c| diesel::sql_query(newer).execute(c)).unwrap();
    assert!(Store::open(&hub.path).unwrap_err().to_string().contains("newer hubgate"));
    let foreign = hub.path.with_file_name("foreign.sqlite");
    let mut c = SqliteConnection::establish(foreign.to_str().unwrap()).unwrap();
    diesel::sql_query("CREATE TABLE users (id)").execute(&mut c).unwrap();
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refusal(&foreign).contains("another program"));
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Store::open(&dir.path().join("hubgate.sqlite")).unwrap_err().to_string();
    assert!(error.contains("chmod 700"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_was_replaced_under_the_running_hub_is_not_written_any_more() {
    let hub = hub();
    hub.store.write(|c| users::insert(c, &ada())).unwrap();
    fs::rename(&hub.path, hub.path.with_extension("old")).unwrap();
    fs::write(&hub.path, b"").unwrap();
    assert_eq!(hub.store.write(|c| users::delete(c, &name("ada"))), Err(StoreError::ReadOnly));
}

#[test]
fn migrations_run_up_down_and_up_to_the_same_schema() {
    let hub = hub();
    hub.store
        .write(|c| {
            let up = dump(c);
            assert!(up.len() >= 6, "{up:?}");
            c.revert_all_migrations(open::MIGRATIONS).unwrap();
            assert_eq!(dump(c), Vec::<String>::new());
            c.run_pending_migrations(open::MIGRATIONS).unwrap();
            assert_eq!(dump(c), up);
            Ok(())
        })
        .unwrap();
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    required: i64,
}

/// What `diesel print-schema` would make of a table, less its comments.
fn printed(c: &mut Conn, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT name, type AS kind, \"notnull\" AS required FROM pragma_table_info('{table}') ORDER BY cid"
    );
    let columns: Vec<Column> = diesel::sql_query(sql).load(c).unwrap();
    let line = |column: &Column| {
        let kind = match column.kind.as_str() {
            "BIGINT" => "BigInt",
            "BOOLEAN" => "Bool",
            "TEXT" => "Text",
            other => panic!("{other} has no spelling that both engines read"),
        };
        let kind = if column.required == 1 { kind.to_owned() } else { format!("Nullable<{kind}>") };
        format!("{} -> {kind},", column.name)
    };
    columns.iter().map(line).collect()
}

#[test]
fn the_schema_in_the_code_is_the_schema_of_the_database() {
    let hub = hub();
    let source = concat!(include_str!("schema.rs"), include_str!("schema/care.rs"));
    let tables = "SELECT name AS line FROM sqlite_schema WHERE type='table' AND name NOT LIKE '%diesel%' ORDER BY rowid";
    let tables = hub.store.read(|c| Ok(lines(c, tables))).unwrap();
    assert_eq!(source.matches("diesel::table! {").count(), tables.len());
    for table in tables {
        let body = source.split(&format!("\n    {table} (")).nth(1).unwrap().split("\n    }").next().unwrap();
        let kept: Vec<&str> = body.lines().map(str::trim).filter(|line| line.contains(" -> ")).collect();
        assert_eq!(kept, hub.store.read(|c| Ok(printed(c, &table))).unwrap(), "{table}");
    }
}
