//! An exam of a group: until a time the servers of its members run as it says.

/// Longest exam, seconds: a week.
pub const LONGEST_S: i64 = 7 * 86_400;

/// An exam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exam {
    /// Name of the profile that all servers have; empty: as each chooses.
    pub profile: String,
    /// Whether servers reach no network.
    pub offline: bool,
    /// Whether servers have no terminals.
    pub no_terminals: bool,
    /// When it was begun, or changed last, microseconds since 1970.
    pub begun_us: i64,
    /// When it ends by itself, seconds since 1970.
    pub until_s: i64,
}

impl Exam {
    /// Whether it is under way at that time.
    #[must_use]
    pub fn holds(&self, now_s: i64) -> bool {
        now_s < self.until_s
    }

    /// Whether a start at that time, microseconds since 1970, was one of the exam's.
    #[must_use]
    pub fn covers(&self, started_us: i64) -> bool {
        self.begun_us <= started_us && started_us < self.until_s.saturating_mul(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exam_lasts_from_its_beginning_until_just_before_its_end() {
        let exam = Exam {
            profile: String::new(),
            offline: true,
            no_terminals: false,
            begun_us: 10_000_000,
            until_s: 20,
        };
        assert_eq!([9, 10, 19, 20].map(|at_s| exam.holds(at_s)), [true, true, true, false]);
        let starts = [9_999_999, 10_000_000, 19_999_999, 20_000_000];
        assert_eq!(starts.map(|at_us| exam.covers(at_us)), [false, true, true, false]);
    }
}
