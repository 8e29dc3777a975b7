//! What can go wrong with the database, in words that may be shown; the cause goes to the log.

use diesel::result::{DatabaseErrorKind, Error};

/// Coarse on purpose: a driver's text never reaches a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock, or every connection is taken.
    #[error("the database is busy; try again in a moment")]
    Busy,
    /// Nothing can be written. What is stored can still be read.
    #[error("the disk of the database is full; make room in state_dir")]
    Full,
    /// Nothing can be written. What is stored can still be read.
    #[error("the database cannot be written; check the mode and the mount of state_dir")]
    ReadOnly,
    /// What was asked for is not there.
    #[error("there is no such entry")]
    NotFound,
    /// There already is one of that name.
    #[error("there already is such an entry")]
    Exists,
    /// The file is not a database that this program may open: a sentence with place and remedy, for an administrator.
    #[error("{0}")]
    Refused(String),
    /// Anything else; the log has the cause.
    #[error("the database failed; the log of hubgate says why")]
    Broken,
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let kind = kind(&error);
        if !matches!(kind, Self::NotFound | Self::Exists) {
            log::error!("database: {error}");
        }
        kind
    }
}

fn kind(error: &Error) -> StoreError {
    match error {
        Error::NotFound => StoreError::NotFound,
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => StoreError::Exists,
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => StoreError::ReadOnly,
        Error::DatabaseError(_, info) => by_message(info.message()),
        Error::BrokenTransactionManager | Error::RollbackErrorOnCommit { .. } => StoreError::Busy,
        _ => StoreError::Broken,
    }
}

/// SQLite's result codes do not come through diesel; its texts are fixed (`sqlite3ErrStr`).
fn by_message(text: &str) -> StoreError {
    let says = |part: &str| text.contains(part);
    if says("is locked") {
        StoreError::Busy
    } else if says("disk is full") || says("disk I/O error") {
        StoreError::Full
    } else if says("readonly") || says("unable to open database") {
        StoreError::ReadOnly
    } else {
        StoreError::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_text_is_not_repeated() {
        let cause = Error::DatabaseError(
            DatabaseErrorKind::Unknown,
            Box::new("no such column: users.secret".to_owned()),
        );
        assert!(!StoreError::from(cause).to_string().contains("secret"));
    }

    #[test]
    fn texts_of_sqlite_have_their_kind() {
        for (text, kind) in [
            ("database is locked", StoreError::Busy),
            ("database or disk is full", StoreError::Full),
            ("attempt to write a readonly database", StoreError::ReadOnly),
            ("file is not a database", StoreError::Broken),
        ] {
            assert_eq!(by_message(text), kind, "{text}");
        }
    }
}
