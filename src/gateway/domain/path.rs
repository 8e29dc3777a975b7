//! Whose server a request path names, when nginx and we read it alike.

use hubgate_protocol::Username;

/// Why a path names no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path is not `BASE/user/NAME` or something below it.
    #[error("the path names no user's server")]
    NotAServer,
    /// The segment after `/user/` is not a user name, or not written in its canonical form.
    #[error("the user name in the path is not in its canonical form")]
    BadName,
    /// The path as sent and the path as nginx understood it name different owners.
    #[error("the path is not in its canonical form")]
    Ambiguous,
}

/// Reads the owner out of `raw` (`$request_uri`, as sent) and checks it against `normalised` (`$uri`, as nginx routes).
///
/// nginx decides by the normalised path and forwards the raw one, so `/user/alice/../bob/` is alice's to the one and
/// bob's to the other. Only a path that both read alike is answered.
///
/// # Errors
/// See [`PathError`].
pub fn owner(base_url: &str, raw: &str, normalised: &str) -> Result<Username, PathError> {
    let raw_path = raw.split(['?', '#']).next().unwrap_or_default();
    let sent: Username = owner_segment(base_url, raw_path)?.parse().map_err(|_| PathError::BadName)?;
    match owner_segment(base_url, normalised) {
        Ok(seen) if seen == sent.as_str() => Ok(sent),
        _ => Err(PathError::Ambiguous),
    }
}

fn owner_segment<'a>(base_url: &str, path: &'a str) -> Result<&'a str, PathError> {
    let rest = path.strip_prefix(base_url).and_then(|rest| rest.strip_prefix("/user/"));
    rest.and_then(|rest| rest.split('/').next()).ok_or(PathError::NotAServer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str, normalised: &str) -> Result<String, PathError> {
        owner("/jupyterhub", raw, normalised).map(|name| name.to_string())
    }

    #[test]
    fn a_plain_path_names_its_owner() {
        let plain = "/jupyterhub/user/alice/lab";
        assert_eq!(read(plain, plain).unwrap(), "alice");
        assert_eq!(read("/jupyterhub/user/alice?x=/../bob", "/jupyterhub/user/alice").unwrap(), "alice");
        assert_eq!(read("/jupyterhub/user/alice/a%20b?c", "/jupyterhub/user/alice/a b").unwrap(), "alice");
    }

    #[test]
    fn a_path_that_is_read_in_two_ways_is_refused() {
        for raw in ["alice/../bob/lab", "alice/..%2fbob/lab", "alice/%2e%2e/bob", "alice//../bob/x"] {
            let raw = format!("/jupyterhub/user/{raw}");
            assert_eq!(read(&raw, "/jupyterhub/user/bob/lab"), Err(PathError::Ambiguous), "{raw}");
        }
        assert_eq!(
            read("/jupyterhub/user/bob/..%2falice/", "/jupyterhub/user/alice/"),
            Err(PathError::Ambiguous)
        );
    }

    #[test]
    fn a_name_in_disguise_is_refused() {
        for raw in ["%61lice/", "alice%00/", "Alice/", "bob%2flab", "/bob", "alice:evil/", "..;/", ""] {
            let raw = format!("/jupyterhub/user/{raw}");
            assert_eq!(read(&raw, "/jupyterhub/user/alice/"), Err(PathError::BadName), "{raw}");
        }
        assert_eq!(read("//jupyterhub/user/bob", "/jupyterhub/user/bob"), Err(PathError::NotAServer));
        assert_eq!(read("/jupyterhub/USER/bob", "/jupyterhub/USER/bob"), Err(PathError::NotAServer));
        assert_eq!(
            read("http://evil.test/jupyterhub/user/alice/", "/jupyterhub/user/alice/"),
            Err(PathError::NotAServer)
        );
    }
}
