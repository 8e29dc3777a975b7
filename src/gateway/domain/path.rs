//! Which server or service a request path names, when nginx and we read it alike.

use hubgate_protocol::Username;

use crate::domain::entity::ServiceName;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'a> {
    /// `BASE/user/NAME/…`: a server of that user.
    User {
        /// Whose server.
        owner: Username,
        /// The segment after the name, where both readings agree on it: perhaps the name of a server.
        first: &'a str,
    },
    /// `BASE/services/NAME/…`.
    Service(ServiceName),
}

/// Why a path names neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path is neither `BASE/user/NAME` nor `BASE/services/NAME` nor something below one of them.
    #[error("the path names no server and no service")]
    NotAPlace,
    /// The segment after `/user/` or `/services/` is not a name, or not written in its canonical form.
    #[error("the name in the path is not in its canonical form")]
    BadName,
    /// The path as sent and the path as nginx understood it name different places.
    #[error("the path is not in its canonical form")]
    Ambiguous,
}

/// Reads the place out of `raw` (`$request_uri`, as sent) and checks it against `normalised` (`$uri`, as nginx routes).
///
/// nginx decides by the normalised path and forwards the raw one, so `/user/alice/../bob/` is alice's to the one and
/// bob's to the other. Only a path that both read alike is answered.
///
/// # Errors
/// See [`PathError`].
pub fn place<'a>(base_url: &str, raw: &'a str, normalised: &str) -> Result<Place<'a>, PathError> {
    let raw_path = raw.split(['?', '#']).next().unwrap_or_default();
    let (kind, name, first) = segments(base_url, raw_path).ok_or(PathError::NotAPlace)?;
    let bad = |_| PathError::BadName;
    let place = match kind {
        "user" => Place::User { owner: name.parse().map_err(bad)?, first },
        _ => Place::Service(name.parse().map_err(|_| PathError::BadName)?),
    };
    let Some((seen_kind, seen_name, seen_first)) = segments(base_url, normalised) else {
        return Err(PathError::Ambiguous);
    };
    if (kind, name) != (seen_kind, seen_name) {
        return Err(PathError::Ambiguous);
    }
    Ok(match place {
        Place::User { owner, .. } if first != seen_first => Place::User { owner, first: "" },
        place => place,
    })
}

/// Whether the path of `raw` ends with the name of a user or service, without the slash that relative links need.
#[must_use]
pub fn lacks_slash(base_url: &str, raw: &str) -> bool {
    let path = raw.split(['?', '#']).next().unwrap_or_default();
    segments(base_url, path).is_some_and(|(_, name, first)| first.is_empty() && path.ends_with(name))
}

/// Kind, name, and the segment after the name.
fn segments<'a>(base_url: &str, path: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let rest = path.strip_prefix(base_url)?.strip_prefix('/')?;
    let (kind, rest) = rest.split_once('/').filter(|(kind, _)| matches!(*kind, "user" | "services"))?;
    let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
    Some((kind, name, below.split('/').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str, normalised: &str) -> Result<String, PathError> {
        place("/jupyterhub", raw, normalised).map(|place| match place {
            Place::User { owner, first } => format!("{owner}:{first}"),
            Place::Service(name) => format!("service {name}"),
        })
    }

    #[test]
    fn a_plain_path_names_its_owner_and_the_segment_behind() {
        let plain = "/jupyterhub/user/alice/lab";
        assert_eq!(read(plain, plain).unwrap(), "alice:lab");
        assert_eq!(read("/jupyterhub/user/alice?x=/../bob", "/jupyterhub/user/alice").unwrap(), "alice:");
        assert_eq!(read("/jupyterhub/user/alice/gpu?x", "/jupyterhub/user/alice/gpu").unwrap(), "alice:gpu");
        assert_eq!(read("/jupyterhub/user/alice/a%20b?c", "/jupyterhub/user/alice/a b").unwrap(), "alice:");
    }

    #[test]
    fn a_segment_that_is_read_in_two_ways_names_no_server() {
        for (raw, normalised) in [("gpu/../lab", "lab"), ("%67pu/lab", "gpu/lab"), ("//gpu", "gpu")] {
            let (raw, normalised) =
                (format!("/jupyterhub/user/alice/{raw}"), format!("/jupyterhub/user/alice/{normalised}"));
            assert_eq!(read(&raw, &normalised).unwrap(), "alice:", "{raw}");
        }
    }

    #[test]
    fn a_service_is_named_like_a_user() {
        let plain = "/jupyterhub/services/whoami/x";
        assert_eq!(read(plain, plain).unwrap(), "service whoami");
        assert_eq!(read("/jupyterhub/services/%77hoami/", plain), Err(PathError::BadName));
        assert_eq!(read("/jupyterhub/services/a/../whoami/", plain), Err(PathError::Ambiguous));
        assert_eq!(
            read("/jupyterhub/services/whoami/", "/jupyterhub/user/whoami/"),
            Err(PathError::Ambiguous)
        );
    }

    #[test]
    fn a_name_at_the_end_lacks_its_slash() {
        for (path, lacks) in [
            ("/jupyterhub/user/alice", true),
            ("/jupyterhub/user/alice?a=/", true),
            ("/jupyterhub/services/x", true),
            ("/jupyterhub/user/alice/", false),
            ("/jupyterhub/user/alice/alice", false),
            ("/jupyterhub/hub", false),
        ] {
            assert_eq!(lacks_slash("/jupyterhub", path), lacks, "{path}");
        }
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
        assert_eq!(read("//jupyterhub/user/bob", "/jupyterhub/user/bob"), Err(PathError::NotAPlace));
        assert_eq!(read("/jupyterhub/USER/bob", "/jupyterhub/USER/bob"), Err(PathError::NotAPlace));
        assert_eq!(
            read("http://evil.test/jupyterhub/user/alice/", "/jupyterhub/user/alice/"),
            Err(PathError::NotAPlace)
        );
    }
}
