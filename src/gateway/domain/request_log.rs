//! Untrusted text on its way to the log: short, and with nothing that could look like another line.

/// Longest piece of untrusted text in one log line, in characters.
const MAX: usize = 64;

/// Escapes control characters and everything outside ASCII, and cuts.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(MAX).flat_map(char::escape_default).collect();
    if text.chars().nth(MAX).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_its_line_and_short() {
        assert_eq!(shown("a\n<6>root logged in"), "a\\n<6>root logged in");
        assert_eq!(shown("\u{1b}[31m"), "\\u{1b}[31m");
        assert!(shown(&"a".repeat(100_000)).len() < 80);
        assert_eq!(shown("alice"), "alice");
    }
}
