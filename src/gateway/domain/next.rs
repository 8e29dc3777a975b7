//! Where to go after login: a path below our own prefix, or nothing.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest accepted target in bytes; longer ones would not fit nginx's response header buffer.
const MAX: usize = 2048;

/// Pages that must not be a target: they would loop, end the session or replay an answer.
const NEVER: [&str; 5] = ["/hub/login", "/hub/logout", "/hub/oauth_login", "/hub/oauth_callback", "/hub/api"];
/// The one page below [`NEVER`]: a server or service sends its visitor there, who may have to log in first.
const AUTHORIZE: &str = "/hub/api/oauth2/authorize";
/// What browsers send as it is and [`safe`] refuses: escaped, it is the same to whoever reads the address.
const UNESCAPED: &AsciiSet = &CONTROLS.add(b'"').add(b'\'').add(b'<').add(b'>').add(b'\\').add(b'`');
const UNESCAPED_IN_PATH: &AsciiSet = &UNESCAPED.add(b';');

/// The address of a request, as it was sent, as the value of `next` in a query: `Bob's.ipynb` is to be found after the login.
#[must_use]
pub fn in_query(sent: &str) -> String {
    let (path, query) = sent.split_at(sent.find('?').unwrap_or(sent.len()));
    let (path, query) = (utf8_percent_encode(path, UNESCAPED_IN_PATH), utf8_percent_encode(query, UNESCAPED));
    utf8_percent_encode(&format!("{path}{query}"), NON_ALPHANUMERIC).to_string()
}

/// Accepts `target` when a browser that resolves it against any page of ours stays below `base_url`.
///
/// The rule is narrow on purpose: printable ASCII, one leading slash, no backslash, no empty or dot segment, no
/// encoded control character, slash or dot in the path, none of the bytes that end an HTML attribute.
#[must_use]
pub fn safe<'a>(base_url: &str, target: &'a str) -> Option<&'a str> {
    let path = path_of(base_url, target)?;
    let never = NEVER
        .iter()
        .any(|page| path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    (!never || path == AUTHORIZE).then_some(target)
}

/// Accepts `target` when it is the login page, for whoever is on it now. What its own `next` says is looked at there.
#[must_use]
pub fn login<'a>(base_url: &str, target: &'a str) -> Option<&'a str> {
    (path_of(base_url, target)? == "/hub/login").then_some(target)
}

/// The path of a target below `base_url`, without query.
fn path_of<'a>(base_url: &str, target: &'a str) -> Option<&'a str> {
    let below = target.strip_prefix(base_url)?;
    let plain = |b: u8| (0x21..=0x7e).contains(&b) && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'\'' | b'`');
    if target.len() > MAX || !below.starts_with('/') || !target.bytes().all(plain) {
        return None;
    }
    let (path, query) = below.split_once(['?', '#']).unwrap_or((below, ""));
    let escaped = |text: &str, found: &[&str]| {
        let text = text.to_ascii_lowercase();
        found.iter().any(|escape| text.contains(escape))
    };
    let odd_path = escaped(path, &["//", "%0", "%1", "%2e", "%2f", "%5c", "%7f"]) || path.contains(';');
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if odd_path || dots || escaped(query, &["%0d", "%0a", "%00"]) {
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_into_the_hub_or_a_server_is_kept() {
        for target in [
            "/jupyterhub/hub/home",
            "/jupyterhub/user/alice/lab?repo=https://host/x.git",
            "/jupyterhub/user/alice/lab/tree/a%20b.ipynb",
            "/jupyterhub/hub/api/oauth2/authorize?client_id=x&redirect_uri=%2Fjupyterhub%2Fuser%2Falice%2Foauth_callback",
        ] {
            assert_eq!(safe("/jupyterhub", target), Some(target));
        }
    }

    #[test]
    fn an_address_that_a_browser_sends_is_written_so_that_it_is_kept() {
        let query = in_query("/jupyterhub/user/alice/lab/tree/Bob's;a`%20b.ipynb?x=it's`\\;%2F");
        let next = percent_encoding::percent_decode_str(&query).decode_utf8().unwrap();
        assert_eq!(next, "/jupyterhub/user/alice/lab/tree/Bob%27s%3Ba%60%20b.ipynb?x=it%27s%60%5C;%2F");
        assert_eq!(safe("/jupyterhub", &next), Some(&*next));
    }

    #[test]
    fn nothing_leaves_the_site() {
        let site = url::Url::parse("https://hub.test/jupyterhub/hub/login").unwrap();
        for target in [
            "https://evil.test/",
            "//evil.test/",
            "///evil.test",
            "/\\evil.test",
            "/jupyterhub//evil.test/",
            "/jupyterhub/../evil",
            "/jupyterhub/%09/evil.test",
            "/jupyterhub/..//evil.test/",
            "javascript:alert(1)",
            "?next=//evil.test",
            "",
            "/",
            "/jupyterhubX/",
            "/jupyterhub",
            "/jupyterhub/hub/\"><script>",
            "/jupyterhub/hub/login?next=//evil.test",
            "/jupyterhub/hub/home%0d%0aSet-Cookie:%20a=b",
            "/jupyterhub/hub/oauth_callback?code=x",
            "/jupyterhub/hub/api/users",
            "/jupyterhub/hub/api/oauth2/authorize/x",
            "/jupyterhub/a\u{b}b",
        ] {
            if let Some(kept) = safe("/jupyterhub", target) {
                let landed = site.join(kept).unwrap();
                assert_eq!(landed.origin(), site.origin(), "{target}");
                panic!("{target} was kept and leads to {landed}");
            }
        }
        let long = format!("/jupyterhub/{}", "a".repeat(8192));
        assert_eq!(safe("/jupyterhub", &long), None);
    }

    /// Pieces of which every known open redirect is made.
    const PIECES: [&str; 32] = [
        "/",
        "//",
        "/\\",
        "\\",
        "/jupyterhub",
        "/hub/",
        "/user/a/",
        ".",
        "..",
        "../",
        ";",
        "@",
        ":",
        "?",
        "#",
        "&next=",
        "evil.test",
        "https:",
        "https://hub.test",
        "javascript:",
        "%2f",
        "%5c",
        "%09",
        "%0d%0a",
        "%2e%2e",
        "\t",
        "\n",
        "\r",
        " ",
        "\u{ad}",
        "\u{3002}",
        "\u{2215}",
    ];

    /// Put together in every order of up to four.
    #[test]
    fn no_made_up_target_leaves_the_site() {
        let site = url::Url::parse("https://hub.test/jupyterhub/hub/login").unwrap();
        let (mut tried, mut kept) = (0_u32, 0_u32);
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            texts = texts
                .iter()
                .flat_map(|text| PIECES.iter().map(move |piece| format!("{text}{piece}")))
                .collect();
            for text in &texts {
                for target in [text.clone(), format!("/jupyterhub{text}")] {
                    tried += 1;
                    let Some(target) = safe("/jupyterhub", &target) else { continue };
                    kept += 1;
                    let landed = site.join(target).unwrap();
                    assert_eq!(landed.origin(), site.origin(), "{target}");
                    assert!(landed.path().starts_with("/jupyterhub/"), "{target}: {landed}");
                    assert!(
                        landed.username().is_empty() && !landed.path().contains("//"),
                        "{target}: {landed}"
                    );
                }
            }
            // Longer ones are made of those that may begin like a path of ours, or the number explodes.
            if texts.len() > 2000 {
                texts.retain(|text| text.starts_with('/') && !text.contains(char::is_whitespace));
                texts.truncate(4000);
            }
        }
        assert!(tried > 100_000 && kept > 100, "{tried} tried, {kept} kept");
    }
}
