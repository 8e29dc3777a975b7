//! What goes wrong again and again is told when it begins, and then once a minute: a disk that is full is not filled by
//! complaints about it.

use std::time::{Duration, Instant};

/// Between two lines about the same trouble.
const SILENCE: Duration = Duration::from_secs(60);

/// One task's trouble.
#[derive(Debug, Default)]
pub(super) struct Trouble(Option<Instant>);

impl Trouble {
    /// The error of a try, if it is to be told now. A try that succeeds ends the trouble.
    pub(super) fn of<T, E>(&mut self, outcome: Result<T, E>) -> Option<E> {
        self.at(Instant::now(), outcome)
    }

    fn at<T, E>(&mut self, now: Instant, outcome: Result<T, E>) -> Option<E> {
        let Err(error) = outcome else {
            self.0 = None;
            return None;
        };
        if self.0.is_some_and(|told| now.saturating_duration_since(told) < SILENCE) {
            return None;
        }
        self.0 = Some(now);
        Some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_when_it_begins_and_once_a_minute() {
        let (mut trouble, begin) = (Trouble::default(), Instant::now());
        let seconds = (0..120).map(|second| begin + Duration::from_secs(second));
        let told = seconds.filter_map(|now| trouble.at(now, Err::<(), _>("full"))).count();
        assert_eq!(told, 2);
        let end = begin + Duration::from_secs(119);
        assert_eq!(trouble.at(end, Ok::<_, &str>(())), None);
        assert_eq!(trouble.at(end, Err::<(), _>("full again")), Some("full again"));
    }
}
