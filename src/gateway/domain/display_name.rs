//! Names by which people call users and servers.

/// Longest name for people, characters.
const DISPLAY_MAX: usize = 255;

/// Whether a text is 1 to 255 characters that can be seen, with single spaces between them.
#[must_use]
pub fn is_display_name(text: &str) -> bool {
    is_readable(text) && text.trim_matches(' ') == text && !text.contains("  ")
}

/// Whether a text is 1 to 255 characters that can be seen, and spaces.
#[must_use]
pub fn is_readable(text: &str) -> bool {
    let seen = |c: char| c == ' ' || !(c.is_control() || c.is_whitespace() || is_unseen(c));
    (1..=DISPLAY_MAX).contains(&text.chars().count()) && text.chars().all(seen)
}

/// Marks that turn text round or take no room (general categories Cf and Co), by which one name can pass for another.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_people_can_be_seen() {
        for good in ["a", "My GPU", "物理 2", "naïve (3)"] {
            assert!(is_display_name(good), "{good}");
        }
        for bad in
            ["", " a", "a ", "a  b", "a\tb", "a\nb", "a\u{202e}b", "\u{200b}", "\u{a0}", &"x".repeat(256)]
        {
            assert!(!is_display_name(bad), "{bad:?}");
        }
    }
}
