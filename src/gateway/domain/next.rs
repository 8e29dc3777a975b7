//! Where to go after login: a path below our own prefix, or nothing.

/// Longest accepted target in bytes; longer ones would not fit nginx's response header buffer.
const MAX: usize = 2048;

/// Pages that must not be a target: they would loop, end the session or replay an answer.
const NEVER: [&str; 4] = ["/hub/login", "/hub/logout", "/hub/oauth_callback", "/hub/api"];
/// The one page below [`NEVER`]: a server or service sends its visitor there, who may have to log in first.
const AUTHORIZE: &str = "/hub/api/oauth2/authorize";

/// Accepts `target` when a browser that resolves it against any page of ours stays below `base_url`.
///
/// The rule is narrow on purpose: printable ASCII, one leading slash, no backslash, no empty or dot segment, no
/// encoded control character, slash or dot in the path, none of the bytes that end an HTML attribute.
#[must_use]
pub fn safe<'a>(base_url: &str, target: &'a str) -> Option<&'a str> {
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
    let never = NEVER
        .iter()
        .any(|page| path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    (!never || path == AUTHORIZE).then_some(target)
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
}
