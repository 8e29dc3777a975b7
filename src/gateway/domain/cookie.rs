//! Reading a `Cookie` header: exact bytes, linear time, nothing decoded.

/// Name of the session cookie.
pub const SESSION: &str = "hubgate-session";
/// Name of the cookie by which servers and services tell one login from the next, as JupyterHub calls it.
pub const SESSION_ID: &str = "jupyterhub-session-id";
/// Name of the cookie that continues a login under way.
pub const SIGNIN: &str = "hubgate-signin";
/// Name of the cookie by which a device is known that its owner has logged in from.
pub const DEVICE: &str = "hubgate-device";
/// Name of the cookie that ties a login form to the browser it was sent to.
pub const XSRF: &str = "_xsrf";
/// Name of the cookie that ties logins at identity providers to the browser that they began in.
pub const BROWSER: &str = "hubgate-oidc";
/// Name of the cookie with the language that a visitor chose.
pub const LANGUAGE: &str = "hubgate-language";
/// Bytes of a session id in its text form: 256 bits in base64url without padding.
pub const SESSION_LEN: usize = 43;

const MAX_BYTES: usize = 8 * 1024;
const MAX_PAIRS: usize = 100;

/// What the header says about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session<'a> {
    /// No session cookie, or one that cannot be ours.
    None,
    /// Exactly one value.
    One(&'a str),
    /// Two different values: somebody tossed a cookie in. Nobody is logged in by such a header.
    Ambiguous,
}

/// Finds the session id. A header that is too long or has too many pairs holds none.
#[must_use]
pub fn session(header: &str) -> Session<'_> {
    let mut found = Session::None;
    for (name, value) in pairs(header) {
        if name != SESSION {
            continue;
        }
        found = match found {
            Session::One(first) if first == value => found,
            Session::None => Session::One(value),
            _ => return Session::Ambiguous,
        };
    }
    match found {
        Session::One(value) if !is_session_id(value) => Session::None,
        other => other,
    }
}

/// The value of the first cookie called `name`.
#[must_use]
pub fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    pairs(header).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The value of the cookie called `name`, where there is exactly one and it has the form of a session id.
#[must_use]
pub fn single<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut found = pairs(header).filter(|(known, _)| *known == name).map(|(_, value)| value);
    let first = found.next().filter(|value| is_session_id(value))?;
    found.all(|other| other == first).then_some(first)
}

/// The header as a user's server may see it: without the session cookie, in every spelling.
#[must_use]
pub fn without_session(header: &str) -> String {
    let mut kept = String::with_capacity(header.len());
    for piece in header.split(';').map(trim).filter(|piece| !piece.is_empty()) {
        let name = piece.split('=').next().map(trim).unwrap_or_default();
        if name.eq_ignore_ascii_case(SESSION) || piece.contains(SESSION) {
            continue;
        }
        if !kept.is_empty() {
            kept.push_str("; ");
        }
        kept.push_str(piece);
    }
    kept
}

fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let usable = header.len() <= MAX_BYTES && header.bytes().filter(|b| *b == b';').count() < MAX_PAIRS;
    let header = if usable { header } else { "" };
    header.split(';').filter_map(|piece| trim(piece).split_once('='))
}

/// RFC 6265bis white space only: a no-break space is part of the name it stands before.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_session_id(value: &str) -> bool {
    value.len() == SESSION_LEN && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const OTHER: &str = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn the_session_is_found_among_other_cookies() {
        for header in [
            "hubgate-session=ID",
            "foo=bar=baz; hubgate-session=ID",
            "x=\"a; hubgate-session=ID; y=b\"",
            "hubgate-session=ID;hubgate-session=ID",
        ] {
            assert_eq!(session(&header.replace("ID", ID)), Session::One(ID), "{header}");
        }
    }

    #[test]
    fn anything_but_the_exact_name_and_shape_is_nobody() {
        for header in [
            "",
            "hubgate-session",
            "\u{2000}hubgate-session=ID",
            "\u{a0}hubgate-session=ID",
            "=hubgate-session=ID",
            "Hubgate-Session=ID",
            "hubgate-session=ID, x=1",
            "hubgate-session=ID%44",
            "hubgate-session=\"ID\"",
            "hubgate-session=ID\0",
            "hubgate=ID",
            "hubgate-session=",
        ] {
            assert_eq!(session(&header.replace("ID", ID)), Session::None, "{header}");
        }
    }

    #[test]
    fn two_different_sessions_are_nobody() {
        assert_eq!(session(&format!("hubgate-session={ID}; hubgate-session={OTHER}")), Session::Ambiguous);
        assert_eq!(session(&format!("hubgate-session=x; hubgate-session={OTHER}")), Session::Ambiguous);
    }

    #[test]
    fn a_flood_of_cookies_is_nobody() {
        assert_eq!(session(&format!("{}hubgate-session={ID}", "a=b; ".repeat(1500))), Session::None);
    }

    #[test]
    fn a_server_never_sees_the_session() {
        assert_eq!(without_session(&format!("a=b; hubgate-session={ID};c=d")), "a=b; c=d");
        assert_eq!(without_session(&format!("HUBGATE-SESSION={ID}")), "");
        assert_eq!(without_session(&format!("x=hubgate-session={ID}; a=1")), "a=1");
        assert_eq!(without_session("_xsrf=2|a|b; username-x=\"y\""), "_xsrf=2|a|b; username-x=\"y\"");
    }
}
