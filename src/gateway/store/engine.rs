//! The engines behind [`Conn`], and everything that differs between them: settings of a connection and transactions.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::r2d2::{self, CustomizeConnection};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, QueryResult};

/// A connection to any of the engines. Queries on it must not care which.
#[derive(diesel::MultiConnection)]
#[allow(missing_docs, reason = "the derive makes undocumented items beside the enum")]
pub enum Conn {
    /// The engine that needs nobody's care.
    Sqlite(SqliteConnection),
}

/// For every connection. `synchronous=FULL`: what was acknowledged survives a power cut.
const SETTINGS: &str = "PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; \
                        PRAGMA trusted_schema=OFF; PRAGMA cache_size=-512;";

/// Version of the engine that is built in.
#[must_use]
pub fn version() -> &'static str {
    libsqlite3_sys::SQLITE_VERSION.to_str().unwrap_or_default()
}

/// Prepares a connection that writes.
pub(super) fn prepare_writer(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => {
            sqlite.batch_execute(SETTINGS)?;
            sqlite.batch_execute("PRAGMA journal_mode=WAL;")
        }
    }
}

/// What is kept free for writing on a disk that is full, bytes: more than the write-ahead log takes between two checkpoints.
const RESERVE: u32 = 6 * 1024 * 1024;

/// Has the file and its write-ahead log hold room that only this database can fill. The log goes with the last connection, so
/// this is done anew for each run.
pub(super) fn reserve(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        // The pages are written, not only counted: a file with holes would still need the disk.
        Conn::Sqlite(sqlite) => sqlite.batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS reserve (filler BLOB); INSERT INTO reserve VALUES (zeroblob({RESERVE})); \
             PRAGMA wal_checkpoint(FULL); DROP TABLE reserve; PRAGMA wal_checkpoint(FULL);"
        )),
    }
}

/// Prepares the connections of the read pool.
#[derive(Debug)]
pub(super) struct Readers;

impl CustomizeConnection<Conn, r2d2::Error> for Readers {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), r2d2::Error> {
        let Conn::Sqlite(sqlite) = conn;
        sqlite.batch_execute(SETTINGS).map_err(r2d2::Error::QueryError)?;
        sqlite.batch_execute("PRAGMA query_only=ON;").map_err(r2d2::Error::QueryError)
    }
}

/// Prepares a connection to a database of another program, which is only read.
pub(super) fn prepare_foreign(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(sqlite) => {
            sqlite.batch_execute("PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF; PRAGMA query_only=ON;")
        }
    }
}

/// Opens a connection without preparing it.
pub(super) fn connect(url: &str) -> diesel::ConnectionResult<Conn> {
    SqliteConnection::establish(url).map(Conn::Sqlite)
}

/// A transaction that holds the write lock from its first statement on, and is undone unless it is committed.
///
/// A deferred transaction that turns into a writer fails at once, whatever the busy timeout, when another commit came
/// in between; `BEGIN IMMEDIATE` waits instead.
pub(super) struct Transaction<'c> {
    conn: &'c mut Conn,
    open: bool,
}

impl<'c> Transaction<'c> {
    /// Waits for the write lock and begins.
    pub(super) fn begin(conn: &'c mut Conn) -> QueryResult<Self> {
        match conn {
            Conn::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
        }
        Ok(Self { conn, open: true })
    }

    /// Begins without the write lock: for what only reads, and must see one moment.
    pub(super) fn begin_reading(conn: &'c mut Conn) -> QueryResult<Self> {
        match conn {
            Conn::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN")?,
        }
        Ok(Self { conn, open: true })
    }

    /// The connection inside the transaction.
    pub(super) fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// Makes everything lasting.
    pub(super) fn commit(mut self) -> QueryResult<()> {
        match self.conn {
            Conn::Sqlite(sqlite) => AnsiTransactionManager::commit_transaction(sqlite)?,
        }
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let Conn::Sqlite(sqlite) = &mut *self.conn;
        // After a failed commit there may be nothing left to undo; either way the next begin tells.
        if let Err(error) = AnsiTransactionManager::rollback_transaction(sqlite) {
            log::debug!("database: rollback: {error}");
        }
    }
}
