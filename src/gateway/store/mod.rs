//! What people decided: users, their sessions, tokens, groups and shares, in a database. Calls block; callers hop to a blocking thread once.

pub mod accounts;
pub mod audit;
mod engine;
pub mod entries;
mod error;
pub mod factors;
pub mod groups;
mod hash;
pub mod identities;
mod json;
pub mod jupyterhub;
pub mod keeps;
pub mod limits;
pub mod links;
pub mod notices;
pub mod oauth;
mod open;
pub mod passkeys;
pub mod passwords;
pub mod people;
pub mod revision;
pub mod roster;
pub mod schema;
pub mod servers;
pub mod services;
pub mod sessions;
pub mod share_codes;
pub mod shares;
pub mod spellings;
pub mod standing;
pub mod terms;
pub mod tokens;
pub mod user_list;
pub mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel::r2d2::{ConnectionManager, Pool};
use parking_lot::Mutex;

pub use engine::{Conn, version as engine_version};
pub use error::StoreError;
pub use hash::Hash;
pub use json::Object;
pub use revision::Revisions;
pub use sessions::{NewSession, SessionRow};
pub use users::{Login, NewUser, Standing, User};

/// Connections that read; the gateway's hot path reads memory, not these.
const READERS: u32 = 2;
/// How long a reader waits for one of them.
const READER_WAIT: Duration = Duration::from_secs(5);
/// How long a writer waits for the writers before it, in this process.
const WRITER_WAIT: Duration = Duration::from_secs(10);

/// The database: one connection that writes, a few that read. Clones share them.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    identity: open::Identity,
    writer: Mutex<Conn>,
    readers: Pool<ConnectionManager<Conn>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database at `path`, makes it where nothing is there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a file that is not this program's: empty, foreign, damaged, open to others, or written
    /// by a newer version. Nothing is changed then.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let identity = open::ensure(path)?;
        let url = open::url(path)?;
        let mut writer = engine::connect(url).map_err(|error| open::refused(path, &error.to_string()))?;
        engine::prepare_writer(&mut writer)?;
        open::migrate(path, &mut writer)?;
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(0))
            .connection_timeout(READER_WAIT)
            .test_on_check_out(false)
            .connection_customizer(Box::new(engine::Readers))
            .build_unchecked(ConnectionManager::new(url));
        let inner = Inner { path: path.to_owned(), identity, writer: Mutex::new(writer), readers };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps room for what must be written when the disk is full: logins, tokens, starts, the audit log.
    ///
    /// # Errors
    /// [`StoreError::Full`] where there is no such room any more.
    pub fn reserve(&self) -> Result<(), StoreError> {
        Ok(engine::reserve(&mut self.inner.writer.lock())?)
    }

    /// Looks at the file as [`Store::open`] does before it touches anything.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn examine(path: &Path) -> Result<(), StoreError> {
        open::examine(path)
    }

    /// Runs a query that only reads.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read<T>(&self, query: impl FnOnce(&mut Conn) -> QueryResult<T>) -> Result<T, StoreError> {
        let mut conn = self.inner.readers.get().map_err(|error| {
            log::error!("database: no connection to read: {error}");
            StoreError::Busy
        })?;
        Ok(query(&mut conn)?)
    }

    /// Runs queries in one transaction of the only writer: all of them count, or none.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing has changed then. [`StoreError::ReadOnly`] where the file was removed or replaced
    /// under the running program: writing on would be lost.
    pub fn write<T>(&self, queries: impl FnOnce(&mut Conn) -> QueryResult<T>) -> Result<T, StoreError> {
        self.transact(queries, true)
    }

    /// Runs queries as [`Store::write`] does, and takes everything back: what they would have done.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn rehearse<T>(&self, queries: impl FnOnce(&mut Conn) -> QueryResult<T>) -> Result<T, StoreError> {
        self.transact(queries, false)
    }

    fn transact<T>(
        &self,
        queries: impl FnOnce(&mut Conn) -> QueryResult<T>,
        lasting: bool,
    ) -> Result<T, StoreError> {
        let mut conn = self.inner.writer.try_lock_for(WRITER_WAIT).ok_or(StoreError::Busy)?;
        if open::identity(&self.inner.path).ok() != Some(self.inner.identity) {
            log::error!("database: {} was removed or replaced; restart hubgate", self.inner.path.display());
            return Err(StoreError::ReadOnly);
        }
        let mut transaction = engine::Transaction::begin(&mut conn)?;
        let result = queries(transaction.conn())?;
        if lasting {
            transaction.commit()?;
        }
        Ok(result)
    }
}

#[cfg(test)]
mod audit_tests;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod rights_tests;
