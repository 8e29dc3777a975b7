//! Tables inside the file: their keys are taken one by one, and what is left over is refused.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value::{Complaint, Value, wrong};

/// A table while its keys are taken.
pub(super) struct Fields<'v, 'i, 'c> {
    table: &'v DeTable<'i>,
    whole: &'v Spanned<DeValue<'i>>,
    complaints: &'c mut Vec<Complaint>,
}

impl<'v, 'i, 'c> Fields<'v, 'i, 'c> {
    /// The table that a value is, and a complaint about every key of it that is not among `known`.
    pub(super) fn of(
        whole: &'v Spanned<DeValue<'i>>,
        known: &[&str],
        complaints: &'c mut Vec<Complaint>,
    ) -> Option<Self> {
        let Some(table) = whole.get_ref().as_table() else {
            wrong(whole, &format!("a table with {}", known.join(", ")), complaints);
            return None;
        };
        for key in table.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let known = known.join(", ");
                complaints
                    .push((key.span(), format!("has an unknown key {:?}: there are {known}", key.get_ref())));
            }
        }
        Some(Self { table, whole, complaints })
    }

    /// The value of a key, if it is there and right. A complaint about it names the key.
    pub(super) fn take<T: Value>(&mut self, key: &str) -> Option<T> {
        let before = self.complaints.len();
        let value = T::from_toml(self.table.get(key)?, self.complaints);
        for (_, why) in self.complaints.iter_mut().skip(before) {
            why.push_str(&format!(" (in {key})"));
        }
        value
    }

    /// The value of a key that must be there.
    pub(super) fn need<T: Value>(&mut self, key: &str) -> Option<T> {
        if self.table.get(key).is_none() {
            self.complaints.push((self.whole.span(), format!("has an entry without {key}")));
        }
        self.take(key)
    }
}
