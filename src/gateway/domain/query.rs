//! The query of an address, decoded once.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// RFC 3986: these mean themselves everywhere.
const UNRESERVED_STAYS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Arguments of a query, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`. What is not UTF-8 after decoding is replaced by the sign for that.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The last value of that name, without outer white space, as JupyterHub reads it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.trim())
    }

    /// Whether a switch is on: present, and neither `0` nor `false`.
    #[must_use]
    pub fn on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// The arguments with these values in place of what they had, as a query again.
    #[must_use]
    pub fn with(&self, changes: &[(&str, i64)]) -> String {
        let texts: Vec<String> = changes.iter().map(|(_, value)| value.to_string()).collect();
        let changes: Vec<(&str, &str)> =
            changes.iter().zip(&texts).map(|((name, _), text)| (*name, text.as_str())).collect();
        self.with_text(&changes)
    }

    /// The arguments with these texts in place of what they had, as a query again.
    #[must_use]
    pub fn with_text(&self, changes: &[(&str, &str)]) -> String {
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED_STAYS).to_string();
        let kept = self.0.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let kept = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        kept.chain(changes.iter().map(|(name, value)| format!("{name}={}", encode(value))))
            .collect::<Vec<_>>()
            .join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_decoded_and_trimmed() {
        let query = Query::parse("a=1&a=%202+&b&c=x%3Dy&=z");
        assert_eq!(
            (query.get("a"), query.get("b"), query.get("c"), query.get("d")),
            (Some("2"), Some(""), Some("x=y"), None)
        );
    }

    #[test]
    fn a_switch_is_on_unless_it_says_no() {
        assert!(Query::parse("x").on("x") && Query::parse("x=1").on("x"));
        assert!(
            !Query::parse("x=0").on("x") && !Query::parse("x=False").on("x") && !Query::parse("").on("x")
        );
    }

    #[test]
    fn the_next_page_keeps_every_other_argument() {
        assert_eq!(
            Query::parse("offset=2&state=a%26b&limit=9").with(&[("offset", 4), ("limit", 2)]),
            "state=a%26b&offset=4&limit=2"
        );
    }
}
