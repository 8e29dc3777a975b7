//! Text without what tells who somebody is, or lets somebody in: for archives that leave the site.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Stands for what nobody outside may read.
const HIDDEN: &str = "[redacted]";
/// What follows a name where it names a unit, a socket or a file.
const ENDINGS: [&str; 6] = [".service", ".socket", ".sock", ".env", ".slice", "."];

// The patterns are fixed; each compiles, or no test here passes.
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(\w*(?:token|secret|password|passwd|cookie|authorization|api_key)"?\s*[=:]\s*)("[^"]*"|\S+)"#).ok()
});
static OPAQUE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_+/=-]{24,}").ok());
static MAIL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+").ok());
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[0-9A-Fa-f]+[.:][0-9A-Fa-f.:]+").ok());
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\w.-]+").ok());

/// Replaces names by numbers, the same each time, and secrets and addresses by nothing of theirs.
#[derive(Debug, Default)]
pub struct Redactor {
    names: HashMap<String, String>,
}

impl Redactor {
    /// One that knows these names of people.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let numbered = names.into_iter().enumerate();
        Self {
            names: numbered.map(|(number, name)| (name.to_owned(), format!("user{}", number + 1))).collect(),
        }
    }

    /// The text without secrets, names of people, addresses of mail and of machines other than this one.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let text = SECRET.as_ref().map_or_else(String::new, |pattern| {
            pattern.replace_all(text, format!("${{1}}{HIDDEN}")).into_owned()
        });
        let text = replaced(&WORD, &text, |found| self.word(found));
        let text = replaced(&MAIL, &text, |found| {
            let unit = ENDINGS.iter().any(|ending| found.ends_with(ending));
            if unit { found.to_owned() } else { "[mail]".to_owned() }
        });
        let text = replaced(&ADDRESS, &text, |found| {
            if is_foreign(found) { "[address]".to_owned() } else { found.to_owned() }
        });
        replaced(&OPAQUE, &text, |found| {
            let has = |accept: fn(&u8) -> bool| found.as_bytes().iter().any(accept);
            // Words and paths have no digits, numbers no letters.
            let opaque = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !found.contains('/');
            if opaque { HIDDEN.to_owned() } else { found.to_owned() }
        })
    }

    fn word(&self, word: &str) -> String {
        let ending = ENDINGS.iter().find(|ending| word.ends_with(**ending)).copied().unwrap_or_default();
        let bare = word.strip_suffix(ending).unwrap_or(word);
        if let Some(number) = self.names.get(word) {
            return number.clone();
        }
        self.names.get(bare).map_or_else(|| word.to_owned(), |number| format!("{number}{ending}"))
    }
}

/// Whether it is the address of another machine, with or without a port.
fn is_foreign(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ':']);
    let with_port = || word.parse::<SocketAddr>().map(|address| address.ip());
    let address: Result<IpAddr, _> = word.parse().or_else(|_| with_port());
    address.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
}

/// The text with everything that the pattern finds replaced, or nothing at all without a pattern.
fn replaced(pattern: &Option<Regex>, text: &str, by: impl Fn(&str) -> String) -> String {
    let by = |found: &Captures<'_>| by(found.get(0).map_or("", |whole| whole.as_str()));
    pattern.as_ref().map_or_else(String::new, |pattern| pattern.replace_all(text, by).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_numbers_wherever_they_stand_and_the_rest_stays() {
        let redactor = Redactor::new(["alice", "bob.b", "hub"]);
        for (text, redacted) in [
            (
                "login failed from=10.0.0.7 user=alice reason=x",
                "login failed from=[address] user=user1 reason=x",
            ),
            ("jupyter@alice.service: Failed", "jupyter@user1.service: Failed"),
            ("jupyter-named@alice:gpu.service", "jupyter-named@user1:gpu.service"),
            ("/run/jupyter/bob.b.sock and /home/alice/x", "/run/jupyter/user2.sock and /home/user1/x"),
            ("malice and alices stay, alice. goes", "malice and alices stay, user1. goes"),
            ("07:15:04.227036 hubgate[208]: ready", "07:15:04.227036 hubgate[208]: ready"),
            ("listening on 127.0.0.1:443 and 0.0.0.0", "listening on 127.0.0.1:443 and 0.0.0.0"),
            ("from=2001:db8:0:0:0:0:0:7 and fe80::1:2", "from=[address] and [address]"),
            ("mail of ada@example.org", "mail of [mail]"),
        ] {
            assert_eq!(redactor.text(text), redacted);
        }
    }

    #[test]
    fn secrets_are_gone_by_their_name_and_by_their_look() {
        let redactor = Redactor::default();
        for text in [
            "api_token = \"hunter2 and more\"",
            "JUPYTERHUB_API_TOKEN=hunter2",
            "Authorization: hunter2",
            "Cookie: hunter2=1",
            "client_secret: hunter2",
            "x hunter2AAAAbbbbCCCCddddEEEE y",
        ] {
            let redacted = redactor.text(text);
            assert!(!redacted.contains("hunter2") && redacted.contains(HIDDEN), "{text}: {redacted}");
        }
    }

    #[test]
    fn settings_about_passwords_and_tokens_stay() {
        let text = "password_min_length = 8\ntoken_expires_in_max_seconds = 0\nclient_secret_file = \"/etc/hubgate/uni.secret\"\n";
        assert_eq!(Redactor::default().text(text), text);
    }
}
