//! Lists of users as CSV files (RFC 4180): read, compared with who there is, and written.

pub mod plan;
pub mod read;
mod said;
pub mod write;

use std::collections::BTreeSet;
use std::fmt;

use hubgate_protocol::LoginName;

use crate::domain::entity::GroupName;
use crate::words::{Language, Message};

pub use plan::{Planned, Step, Terms, plan};
pub use read::{FILE_MAX, ROWS_MAX, Row, read};
pub use said::not_given;
pub use write::write;

/// One user as a list shows them. Passwords are never in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Administrator by the database.
    pub admin: bool,
    /// Groups of the hub.
    pub groups: BTreeSet<GroupName>,
    /// What people call them.
    pub display_name: Option<String>,
    /// What they type where it is not their name.
    pub login: Option<LoginName>,
    /// When they stop being users, seconds since 1970.
    pub expires_s: Option<i64>,
    /// Whether they have a password here.
    pub password: bool,
}

/// What is wrong with a line; line 0 is the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// From 1.
    pub line: u64,
    /// The column and what it must be; never a password.
    pub what: Message,
}

impl RowError {
    /// About a cell of the list.
    #[must_use]
    pub fn of_column(line: u64, column: &'static str, what: Message) -> Self {
        Self { line, what: said::of_column(column, what) }
    }

    /// For the page that shows it.
    #[must_use]
    pub fn message(&self) -> Message {
        if self.line > 0 {
            Message::new("list-line").with("line", self.line).put("what", self.what.clone())
        } else {
            Message::new("list-whole").put("what", self.what.clone())
        }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what.in_language(Language::English);
        if self.line > 0 { write!(f, "{}: {what}", self.line) } else { write!(f, " {what}") }
    }
}
