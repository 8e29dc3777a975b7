//! Times of the week, by the clock on the wall where the machine stands.

use std::fmt;
use std::str::FromStr;

const DAY_S: i64 = 86_400;
const MINUTE_S: i64 = 60;
/// Their names, Monday first.
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A moment on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallTime {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Seconds since midnight.
    pub second: i64,
}

impl WallTime {
    /// The moment that is so many seconds after 1970-01-01 00:00 on that wall.
    #[must_use]
    pub fn of(local_s: i64) -> Self {
        Self { day: local_s.div_euclid(DAY_S), second: local_s.rem_euclid(DAY_S) }
    }

    /// 0 for Monday.
    fn weekday(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.day + 3).rem_euclid(7)
    }
}

/// Days of the week; none named: every day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days([bool; 7]);

impl Days {
    /// Reads `mon` to `sun`.
    ///
    /// # Errors
    /// The word that is none of them.
    pub fn read(words: &[String]) -> Result<Self, String> {
        let mut days = Self::default();
        for word in words {
            let day = NAMES.iter().zip(&mut days.0).find(|(name, _)| *name == word);
            let (_, day) = day.ok_or_else(|| format!("{word:?} is none of {}", NAMES.join(", ")))?;
            *day = true;
        }
        Ok(days)
    }

    /// Whether that moment is on one of them.
    #[must_use]
    pub fn hold(&self, now: WallTime) -> bool {
        let today = usize::try_from(now.weekday()).ok().and_then(|day| self.0.get(day));
        !self.0.contains(&true) || today.is_some_and(|named| *named)
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let named = NAMES.iter().zip(self.0).filter(|(_, named)| *named);
        named.map(|(name, _)| (*name).to_owned()).collect()
    }
}

/// A time of the day, to the minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeOfDay(i64);

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str, below: i64| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|number| digits && *number < below)
        };
        let read = |(hour, minute): (&str, &str)| Some(Self(number(hour, 24)? * 60 + number(minute, 60)?));
        text.split_once(':').and_then(read).ok_or("must be a time of the day like \"08:55\"")
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl TimeOfDay {
    /// How many of `all` are due `now` where all of them are to be done by this time, evenly over the minutes before; `None`
    /// outside of those minutes. They do not reach over midnight.
    #[must_use]
    pub fn due(self, minutes: u32, all: usize, now: WallTime) -> Option<usize> {
        let span_s = i64::from(minutes).max(1) * MINUTE_S;
        let passed_s = now.second - (self.0 * MINUTE_S - span_s);
        if !(0..span_s).contains(&passed_s) {
            return None;
        }
        let all = i64::try_from(all).unwrap_or(i64::MAX);
        // The first at once, the last a step before the end.
        let due = all.saturating_mul(passed_s) / span_s + 1;
        usize::try_from(due.min(all)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-11-23, at that time.
    fn monday(hour: i64, minute: i64, second: i64) -> WallTime {
        WallTime::of(20_780 * DAY_S + hour * 3600 + minute * 60 + second)
    }

    fn days(words: &[&str]) -> Result<Days, String> {
        Days::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn days_hold_on_their_days_and_none_named_is_every_day() {
        let now = monday(9, 0, 0);
        assert!(days(&["mon"]).unwrap().hold(now) && days(&[]).unwrap().hold(now));
        assert!(!days(&["sun", "tue"]).unwrap().hold(now));
        let sunday = WallTime { day: now.day - 1, ..now };
        assert!(days(&["sun", "tue"]).unwrap().hold(sunday) && !days(&["mon"]).unwrap().hold(sunday));
        assert!(days(&["Monday"]).unwrap_err().contains("mon, tue"));
    }

    #[test]
    fn a_time_of_the_day_has_one_spelling() {
        assert_eq!("08:55".parse::<TimeOfDay>().unwrap().to_string(), "08:55");
        for text in ["8:55", "24:00", "08:60", "0855", "-1:00", "+8:05", "", "08:5x"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn all_are_due_evenly_before_the_time_and_none_outside() {
        let class: TimeOfDay = "08:55".parse().unwrap();
        let due = |minute, second| class.due(10, 100, monday(8, minute, second));
        assert_eq!((due(44, 59), due(45, 0), due(50, 0), due(54, 59)), (None, Some(1), Some(51), Some(100)));
        assert_eq!(due(55, 0), None, "class has begun: whoever is missing starts by themselves");
        assert_eq!(class.due(10, 0, monday(8, 50, 0)), Some(0));
        assert_eq!(class.due(0, 3, monday(8, 54, 1)), Some(1), "at least a minute");
    }
}
