//! Where the values of a configuration come from: the file, and the line of each key that it has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file behind a configuration. It is no part of what a configuration says: two that differ in it alone are equal.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    file: PathBuf,
    lines: BTreeMap<&'static str, usize>,
}

impl Origin {
    /// Of that file, with the lines of its keys.
    pub(super) fn new(file: &Path, lines: BTreeMap<&'static str, usize>) -> Self {
        Self { file: file.to_owned(), lines }
    }

    /// The file; empty where there is none.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line that sets this key, from 1; `None` where it has its default.
    #[must_use]
    pub fn line(&self, key: &str) -> Option<usize> {
        self.lines.get(key).copied()
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}
