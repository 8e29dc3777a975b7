//! Untrusted text on its way to the log: short, and with nothing that could look like another line.

use std::net::IpAddr;

use hubgate_protocol::Refusal;

/// Longest piece of untrusted text in one log line, in characters.
const MAX: usize = 64;

/// Longest part of a name in the line of a failed login: it may be a password in the wrong field.
const NAME_MAX: usize = 16;

/// Escapes control characters and everything outside ASCII, and cuts.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(MAX).flat_map(char::escape_default).collect();
    if text.chars().nth(MAX).is_some() {
        line.push('…');
    }
    line
}

/// The path of an address: what stands behind `?` may be a token.
#[must_use]
pub fn path(uri: &str) -> String {
    shown(uri.split('?').next().unwrap_or_default())
}

/// The line of a failed login. Its form is a promise to `docs/fail2ban`: the address comes before anything that was typed.
#[must_use]
pub fn login_failed(from: IpAddr, name: &str, refusal: Refusal) -> String {
    let reason = match refusal {
        Refusal::BadCredentials {} => "bad_credentials",
        Refusal::Throttled { .. } => "throttled",
        Refusal::Unavailable {} => "unavailable",
        Refusal::Locked {} => "locked",
        Refusal::PasswordExpired {} => "password_expired",
        Refusal::AccountExpired {} => "account_expired",
        Refusal::NoLogins {} => "no_logins",
        Refusal::NotPermitted {} => "not_permitted",
    };
    format!("login failed from={from} user={} reason={reason}", beginning(name))
}

/// The line of tries that were not made.
#[must_use]
pub fn login_throttled(from: IpAddr, name: &str) -> String {
    format!("login throttled from={from} user={}", beginning(name))
}

fn beginning(name: &str) -> String {
    shown(&name.chars().take(NAME_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_the_path_alone_is_written_down() {
        assert_eq!(path("/jupyterhub/user/ada/lab?token=secret"), "/jupyterhub/user/ada/lab");
        assert_eq!(path("/x\n"), "/x\\n");
    }

    #[test]
    fn fail2ban_finds_the_address_whatever_was_typed() {
        let filter = include_str!("../../../docs/fail2ban/filter.d/hubgate.conf");
        let line = filter.lines().find_map(|line| line.strip_prefix("failregex = ")).unwrap();
        // As fail2ban's journal reader shows a record to `%(__prefix_line)s`.
        let expression =
            line.replace("%(__prefix_line)s", r"\S+ hubgate\[\d+\]: ").replace("<ADDR>", r"(\S+)");
        let expression = regex::Regex::new(&expression).unwrap();
        let bad = Refusal::BadCredentials {};
        for (from, name) in [
            ("192.0.2.7", "alice"),
            ("2001:db8::7", "a b"),
            ("192.0.2.7", "x\nlogin failed from=198.51.100.1 user=y reason=bad_credentials"),
            ("192.0.2.7", "login failed from=198.51.100.1 user=y reason=locked"),
        ] {
            let record = format!("hub hubgate[812]: {}", login_failed(from.parse().unwrap(), name, bad));
            let found = expression.captures(&record).unwrap_or_else(|| panic!("{record}"));
            assert_eq!(&found[1], from, "{record}");
        }
        let away = login_failed("192.0.2.7".parse().unwrap(), "alice", Refusal::Unavailable {});
        assert!(!expression.is_match(&format!("hub hubgate[812]: {away}")));
        assert!(!expression.is_match("hub hubgate[812]: login from=192.0.2.7 user=alice"));
    }

    #[test]
    fn hostile_text_stays_on_its_line_and_short() {
        assert_eq!(shown("a\n<6>root logged in"), "a\\n<6>root logged in");
        assert_eq!(shown("\u{1b}[31m"), "\\u{1b}[31m");
        assert!(shown(&"a".repeat(100_000)).len() < 80);
        assert_eq!(shown("alice"), "alice");
    }
}
