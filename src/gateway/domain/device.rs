//! What a browser calls itself, in words that its owner recognises.

use crate::words::{Message, Sentence};

/// Browsers by what their `User-Agent` contains; those that pretend to be another one come first.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];
/// Systems, in the same way.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];
/// Longest part of an unknown name that is shown, characters.
const SHOWN: usize = 40;

/// `Firefox on Linux`; the beginning of what it says where that is nothing known.
#[must_use]
pub fn name(agent: &str) -> Sentence {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => {
            Message::new("device-on").with("browser", browser).with("system", system).into()
        }
        (Some(browser), None) => browser.into(),
        _ if agent.is_empty() => Message::new("device-unknown").into(),
        _ => agent.chars().take(SHOWN).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::name;
    use crate::words::Language;

    #[test]
    fn browsers_are_told_by_their_usual_names() {
        for (agent, told) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.14.1", "curl"),
            ("", "Unknown device"),
            ("<b>odd</b>", "<b>odd</b>"),
        ] {
            assert_eq!(name(agent).in_language(Language::English), told);
        }
        assert_eq!(name(&"x".repeat(255)).in_language(Language::English).len(), 40);
    }
}
