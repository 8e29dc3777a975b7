//! What an import did, for the person who asked for it.

use std::collections::BTreeMap;

/// Counts, and what was left out.
#[derive(Debug, Default)]
pub(super) struct Report {
    counts: BTreeMap<&'static str, (usize, usize)>,
    left_out: Vec<String>,
}

impl Report {
    /// One more of a kind: new here, or known already.
    pub(super) fn count(&mut self, kind: &'static str, is_new: bool) {
        let (added, known) = self.counts.entry(kind).or_default();
        *(if is_new { added } else { known }) += 1;
    }

    /// Something that is not taken over, and why.
    pub(super) fn leave_out(&mut self, line: String) {
        self.left_out.push(line);
    }

    /// As lines, the counts first.
    pub(super) fn lines(&self) -> Vec<String> {
        let count = |(kind, (added, known)): (&&str, &(usize, usize))| {
            format!("{kind}: {added} added, {known} there already")
        };
        let left_out = self.left_out.iter().map(|line| format!("left out: {line}"));
        self.counts.iter().map(count).chain(left_out).collect()
    }
}
