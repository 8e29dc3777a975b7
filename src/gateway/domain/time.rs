//! Points in time that the hub writes: microseconds since 1970 here, ISO 8601 in UTC in JSON.

const DAY_S: i64 = 86_400;

/// `2026-01-02T03:04:05.678901Z`; without fraction when that is 0, as Python writes it.
#[must_use]
pub fn iso(us: i64) -> String {
    let (seconds, fraction) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let (days, of_day) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// A time to the minute as people read it, in UTC: `2026-01-02 03:04`.
#[must_use]
pub fn minute(us: i64) -> String {
    iso(us).chars().take("2026-01-02T03:04".len()).collect::<String>().replace('T', " ")
}

/// Year, month and day; years begin in March here, so that the leap day comes last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timestamp;

    #[test]
    fn times_are_written_as_python_writes_them() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(1_767_323_045_678_901), "2026-01-02T03:04:05.678901Z");
        assert_eq!(iso(1_709_164_800_000_010), "2024-02-29T00:00:00.000010Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999999Z");
        assert!([iso(i64::MIN), iso(i64::MAX)].iter().all(|text| text.ends_with('Z')));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for us in (0..253_402_300_799_999_999).step_by(777_777_777_777_777) {
            assert_eq!(timestamp::parse(&iso(us)), Some(us));
        }
    }
}
