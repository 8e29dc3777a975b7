//! Points in time that clients write: ISO 8601, as JupyterHub's own clients and servers send them.

const DAY_S: i64 = 86_400;

/// Microseconds since 1970 of `2026-01-02T03:04:05.678Z`. Date alone, a space for the `T`, minutes without seconds and an
/// offset from UTC are read too; without an offset it is UTC. `None` for anything else, and for years outside 1970 to 9999.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim_matches(' ');
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let days = days_since_1970(year, month, day)?;
    let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then_some(days * DAY_S * 1_000_000);
    };
    let (clock, offset_s) = split_offset(rest)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])
        .or_else(|| numbers(whole, ':', [2, 2]).map(|[hour, minute]| [hour, minute, 0]))?;
    if hour > 23 || minute > 59 || second > 59 || (clock.contains('.') && fraction.is_empty()) {
        return None;
    }
    let seconds = days * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
    Some(seconds * 1_000_000 + micros(fraction)?)
}

/// The time of day, and its offset in seconds.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (clock, offset) = text.split_at_checked(at)?;
    let (sign, digits) = (if offset.starts_with('-') { -1 } else { 1 }, offset.get(1..)?);
    let [hours, minutes] = numbers(digits, ':', [2, 2]).or_else(|| {
        let (hours, minutes) = digits.split_at_checked(2)?;
        Some([fixed(hours, 2)?, if minutes.is_empty() { 0 } else { fixed(minutes, 2)? }])
    })?;
    (hours < 24 && minutes < 60).then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

/// At most nine digits behind the point; those behind the sixth are dropped.
fn micros(fraction: &str) -> Option<i64> {
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    six.parse().ok()
}

fn numbers<const N: usize>(text: &str, separator: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, length) in numbers.iter_mut().zip(lengths) {
        *number = fixed(parts.next()?, length)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn fixed(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days between 1970-01-01 and a date of the Gregorian calendar, by counting from March of year 0 in eras of 400 years.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    Some(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_clients_are_read() {
        for (text, us) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("2026-11-22T02:19:02.191645Z", 1_795_313_942_191_645),
            ("2026-11-22 02:19:02", 1_795_313_942_000_000),
            ("2026-11-22T02:19", 1_795_313_940_000_000),
            ("2026-11-22", 1_795_305_600_000_000),
            ("2026-11-22T03:19:02.5+01:00", 1_795_313_942_500_000),
            ("2026-11-21T21:49:02-0430", 1_795_313_942_000_000),
            ("2026-11-22T03:19:02+01", 1_795_313_942_000_000),
        ] {
            assert_eq!(parse(text), Some(us), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "5",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-1-1",
            "2026-01-01T",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+25:00",
            "0001-01-01",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01Tüü:00",
            "+026-01-01",
            "2026-01-01X00:00:00",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
