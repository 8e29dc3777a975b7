//! Which file is taken for the hub's database, how a new one is made, and how its schema is kept up to date.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use nix::fcntl::OFlag;

use super::engine::{self, Conn, Transaction};
use super::error::StoreError;

/// The steps of the schema.
pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");
/// `application_id` of a hub's database: "HUBG".
const APPLICATION_ID: u32 = 0x4855_4247;
/// First bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// First SQLite without the WAL-reset bug (two connections that write and checkpoint together may corrupt the file).
const SQLITE_MIN: [u32; 3] = [3, 51, 3];

/// Device and inode of the file that was opened.
pub(super) type Identity = (u64, u64);

type Step = Box<dyn Migration<<Conn as Connection>::Backend>>;

/// Says why a file is not taken.
pub(super) fn refused(path: &Path, why: &str) -> StoreError {
    StoreError::Refused(format!("{}: {why}", path.display()))
}

/// The path as text, as the engine wants it.
pub(super) fn url(path: &Path) -> Result<&str, StoreError> {
    let text = path.to_str().filter(|text| text.starts_with('/'));
    text.ok_or_else(|| refused(path, "the path of the database must be absolute and UTF-8"))
}

/// Which file is at `path` now.
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    path.symlink_metadata().map(|meta| (meta.dev(), meta.ino()))
}

/// Makes sure that a database of ours is at `path`.
pub(super) fn ensure(path: &Path) -> Result<Identity, StoreError> {
    url(path)?;
    let failed = |error: io::Error| refused(path, &format!("cannot be used: {error}"));
    match path.symlink_metadata() {
        Ok(_) => examine(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(failed(error)),
    }
    identity(path).map_err(failed)
}

/// Looks at a file without letting the engine touch it.
pub(super) fn examine(path: &Path) -> Result<(), StoreError> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let file = file.map_err(|error| refused(path, &format!("cannot be opened as a database: {error}")))?;
    let meta = file.metadata().map_err(|error| refused(path, &error.to_string()))?;
    if !meta.is_file() {
        return Err(refused(path, "is not a regular file"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(refused(path, "can be read by others than its owner: run chmod 600 on it"));
    }
    let head = head(&file).map_err(|error| refused(path, &error.to_string()))?;
    check_head(&head, meta.len(), has_log(path)).map_err(|why| refused(path, why))
}

/// Whether changes wait in the write-ahead log.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|meta| meta.len() > 0)
}

fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(100).read_to_end(&mut head)?;
    Ok(head)
}

/// Compares the file's head (<https://www.sqlite.org/fileformat.html>, section 1.3) with what this program writes.
fn check_head(head: &[u8], len: u64, has_log: bool) -> Result<(), &'static str> {
    let word = |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    if len == 0 {
        return Err(
            "is empty: this was a database once, or never; restore it from a backup, or remove it to begin anew",
        );
    }
    if !head.starts_with(MAGIC) {
        return Err("is not a SQLite database: restore it from a backup");
    }
    if word(68) != Some(APPLICATION_ID) {
        return Err("is a database of another program: set state_dir to hubgate's own directory");
    }
    let page = match head.get(16..18) {
        Some([0, 1]) => 65536,
        Some([high, low]) => u64::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    // Byte 28: size in pages. A crash while the log was copied into the file leaves the file short and the log whole, so
    // the size says something only where there is no log; the engine's own check follows in any case.
    let pages = word(28).map_or(0, u64::from);
    let short = !has_log && len < page.saturating_mul(pages);
    if page < 512 || len < page || short {
        return Err("is cut short: restore it from a backup");
    }
    Ok(())
}

/// Makes a new database beside `path` and moves it there in one step, so that no half-made file is ever found.
fn create(path: &Path) -> Result<(), StoreError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    if !directory.exists() {
        let made = DirBuilder::new().mode(0o700).create(directory);
        made.map_err(|error| refused(directory, &format!("the directory cannot be made: {error}")))?;
    }
    let mode = directory.metadata().map_err(|error| refused(directory, &error.to_string()))?.mode();
    if mode & 0o022 != 0 {
        return Err(refused(
            directory,
            "the directory can be written by others: run chmod 700 on it, or choose another",
        ));
    }
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let made = draft_database(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        // Somebody else was first: theirs is as good.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(refused(path, &format!("cannot be made: {error}")))
        }
        _ => Ok(()),
    });
    for leftover in leftovers(&draft) {
        let _absent = fs::remove_file(leftover);
    }
    made?;
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| refused(directory, &error.to_string()))
}

fn leftovers(draft: &Path) -> [PathBuf; 2] {
    let mut journal = draft.as_os_str().to_owned();
    journal.push("-journal");
    [draft.to_owned(), PathBuf::from(journal)]
}

fn draft_database(draft: &Path) -> Result<(), StoreError> {
    // Left by a process of the same number that was killed here.
    for leftover in leftovers(draft) {
        let _absent = fs::remove_file(leftover);
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft);
    file.map_err(|error| refused(draft, &format!("cannot be made: {error}")))?;
    let mut conn = engine::connect(url(draft)?).map_err(|error| refused(draft, &error.to_string()))?;
    conn.batch_execute(&format!("PRAGMA application_id={APPLICATION_ID};"))?;
    migrate(draft, &mut conn)
}

/// Applies what is missing of the schema, in one transaction; refuses a schema from the future.
pub(super) fn migrate(path: &Path, conn: &mut Conn) -> Result<(), StoreError> {
    check_version(path, conn)?;
    let mut transaction = Transaction::begin(conn)?;
    let conn = transaction.conn();
    let broken = |error: &dyn std::fmt::Display| {
        log::error!("database: migration: {error}");
        refused(path, "the schema cannot be brought up to date; the log says why; nothing was changed")
    };
    let steps: Vec<Step> = MIGRATIONS.migrations().map_err(|error| broken(&error))?;
    let known: BTreeSet<String> = steps.iter().map(|step| step.name().version().to_string()).collect();
    let applied = conn.applied_migrations().map_err(|error| broken(&error))?;
    if let Some(newer) = applied.iter().find(|version| !known.contains(&version.to_string())) {
        let why =
            format!("was written by a newer hubgate (schema {newer}): start that one, or restore a backup");
        return Err(refused(path, &why));
    }
    conn.run_pending_migrations(MIGRATIONS).map_err(|error| broken(&error))?;
    transaction.commit()?;
    Ok(())
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The engine must be new enough, and the file sound.
fn check_version(path: &Path, conn: &mut Conn) -> Result<(), StoreError> {
    let version: Version = diesel::sql_query("SELECT sqlite_version() AS version").get_result(conn)?;
    let parts: Vec<u32> = version.version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() < SQLITE_MIN.as_slice() {
        return Err(refused(path, "needs SQLite 3.51.3 or newer: build hubgate with the bundled one"));
    }
    let health: Version = diesel::sql_query("SELECT quick_check AS version FROM pragma_quick_check LIMIT 1")
        .get_result(conn)?;
    if health.version != "ok" {
        log::error!("database: {}", health.version);
        return Err(refused(path, "is damaged: restore it from a backup"));
    }
    Ok(())
}
