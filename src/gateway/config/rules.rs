//! What each value must be, beyond its type. Every refusal says what would be right.
#![expect(clippy::ptr_arg, reason = "a rule takes the type of its key, String and PathBuf too")]

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use hubgate_protocol::Username;
use hubgate_protocol::name::USERNAME_MAX;

use super::rbac::{Customs, Roles};
use super::value::Mode;
use crate::domain::admission::login_pattern;
use crate::domain::color::{Color, ColorError, DARK_PAPER, LIGHT_PAPER, READABLE};
use crate::domain::scope::{Base, Scope, is_default_role};

/// Longest path of a unix socket: `sun_path` holds 108 bytes, the last is NUL.
const SUN_PATH_MAX: usize = 107;
/// Longest [`super::Config::socket_dir`]: what `/NAME.sock` with the longest user name leaves, 107 - 1 - 32 - 5 = 69.
const SOCKET_DIR_MAX: usize = SUN_PATH_MAX - 1 - USERNAME_MAX - ".sock".len();

type Verdict = Result<(), String>;

fn require(right: bool, otherwise: &str) -> Verdict {
    if right { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// Nothing more is asked.
pub(super) fn anything<T>(_: &T) -> Verdict {
    Ok(())
}

/// `^(/[a-z0-9][a-z0-9_-]*)+$`: what can stand in nginx's locations, cookies' paths and regular expressions as it is.
pub(super) fn base_url(text: &String) -> Verdict {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let segment = |s: &str| {
        s.bytes().next().is_some_and(plain) && s.bytes().all(|b| plain(b) || matches!(b, b'_' | b'-'))
    };
    let right = text.len() <= 200 && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment));
    require(
        right,
        "must look like \"/jupyterhub\": segments of a-z, 0-9, _ and -, each after one slash, none at the end",
    )
}

/// A path below a server: `/lab`, `/tree`, `/lab/tree/Welcome.ipynb`.
pub(super) fn default_url(text: &String) -> Verdict {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~%?=&+,@".contains(&b);
    let right = text.starts_with('/')
        && text.len() <= 512
        && text.bytes().all(plain)
        && !text.contains("//")
        && !text.split(['/', '?']).any(|s| s == "." || s == "..");
    require(
        right,
        "must be a path like \"/lab\" or \"/tree\": it begins with one slash and holds no dots-only segment, space or quote",
    )
}

/// Absolute, and without `.` or `..`.
pub(super) fn absolute(path: &PathBuf) -> Verdict {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let text = path.to_string_lossy();
    let clean = !text.contains("/./") && !text.ends_with("/.") && !text.chars().any(char::is_control);
    require(path.is_absolute() && plain && clean, "must be an absolute path without \".\" or \"..\"")
}

/// Nothing, or absolute.
pub(super) fn no_or_absolute(path: &PathBuf) -> Verdict {
    if path.as_os_str().is_empty() { Ok(()) } else { absolute(path) }
}

/// A colour of links and buttons on light pages.
pub(super) fn light_accent(text: &String) -> Verdict {
    accent(text, LIGHT_PAPER, "too pale to be read on light pages")
}

/// The same on dark pages.
pub(super) fn dark_accent(text: &String) -> Verdict {
    accent(text, DARK_PAPER, "too dark to be read on dark pages")
}

fn accent(text: &str, paper: Color, otherwise: &str) -> Verdict {
    if text.is_empty() {
        return Ok(());
    }
    let color: Color = text.parse().map_err(|error: ColorError| error.to_string())?;
    let contrast = color.contrast(paper);
    if contrast >= READABLE {
        return Ok(());
    }
    Err(format!("is {otherwise}: its contrast is {contrast:.1}, it must be {READABLE} or more"))
}

/// A line below every page.
pub(super) fn footer(text: &String) -> Verdict {
    let right = text.chars().count() <= 500 && !text.chars().any(char::is_control);
    require(right, "must be one line of at most 500 characters")
}

/// Some lines on the login page.
pub(super) fn login_text(text: &String) -> Verdict {
    let odd = |sign: char| sign.is_control() && sign != '\n';
    require(text.chars().count() <= 2000 && !text.chars().any(odd), "must be text of at most 2000 characters")
}

/// A unix socket.
pub(super) fn socket(path: &PathBuf) -> Verdict {
    absolute(path)?;
    let right = path.as_os_str().len() <= SUN_PATH_MAX;
    require(right, "is too long for a unix socket: at most 107 bytes; choose a shorter path")
}

/// The directory of the servers' sockets, written into nginx's answers as it is.
pub(super) fn socket_dir(path: &PathBuf) -> Verdict {
    absolute(path)?;
    let text = path.to_string_lossy();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b));
    require(
        plain && !text.ends_with('/'),
        "must hold only a-z, A-Z, 0-9, /, -, _ and ., and no slash at the end",
    )?;
    let fits = text.len() <= SOCKET_DIR_MAX;
    require(fits, "is too long: sockets in it would not fit the 108 bytes of sun_path; at most 69 bytes")
}

/// Nobody else may swap the database: the directory, where it exists, is closed to writers of group and world.
pub(super) fn state_dir(path: &PathBuf) -> Verdict {
    absolute(path)?;
    let Ok(meta) = Path::new(path).symlink_metadata() else { return Ok(()) };
    require(meta.is_dir(), "is not a directory (a symbolic link is not followed)")?;
    require(
        meta.mode() & 0o022 == 0,
        "can be written by group or world; choose another directory or run chmod 700 on it",
    )
}

/// Not for the world.
pub(super) fn listen_mode(mode: &Mode) -> Verdict {
    require(mode.0 <= 0o770 && mode.0 & 0o007 == 0, "must be octal like 0o660, with nothing for others")
}

/// Root is nobody's user here.
pub(super) fn admin_users(names: &Vec<Username>) -> Verdict {
    let root = names.iter().any(|name| name.as_str() == "root");
    require(!root, "names root, who cannot log in here; name a person")
}

/// Groups as the host knows them.
pub(super) fn host_groups(names: &Vec<String>) -> Verdict {
    let right = |name: &String| !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
    require(names.iter().all(right), "holds what is no name of a group")
}

/// A regular expression that some login name can match.
pub(super) fn pattern(text: &String) -> Verdict {
    login_pattern(text).map(drop).map_err(|error| format!("is no regular expression: {error}"))
}

/// Five seconds to five minutes.
pub(super) fn access_check(seconds: &u32) -> Verdict {
    within(*seconds, 5, 300)
}

/// A minute to a day.
pub(super) fn reauthenticate(minutes: &u32) -> Verdict {
    within(*minutes, 1, 1440)
}

/// Never, or five minutes and more: servers report every half minute what is done in them.
pub(super) fn cull_idle(minutes: &u32) -> Verdict {
    if *minutes == 0 { Ok(()) } else { within(*minutes, 5, 525_600) }
}

/// At most a day.
pub(super) fn cull_warning(minutes: &u32) -> Verdict {
    within(*minutes, 0, 1440)
}

/// Some progress, and no storm.
pub(super) fn cull_pace(servers: &u32) -> Verdict {
    within(*servers, 1, 1000)
}

/// NIST SP 800-63B asks for eight at least.
pub(super) fn password_length(characters: &u32) -> Verdict {
    within(*characters, 8, 128)
}

/// The scores that zxcvbn gives.
pub(super) fn password_score(score: &u32) -> Verdict {
    within(*score, 0, 4)
}

fn within(number: u32, least: u32, most: u32) -> Verdict {
    if (least..=most).contains(&number) {
        Ok(())
    } else {
        Err(format!("must be {least} to {most}, not {number}"))
    }
}

/// An hour to a year.
pub(super) fn session_hours(hours: &u32) -> Verdict {
    within(*hours, 1, 8760)
}

/// At least one.
pub(super) fn workers(count: &u16) -> Verdict {
    within(u32::from(*count), 1, 64)
}

/// Not at all to five minutes.
pub(super) fn wait_s(seconds: &u32) -> Verdict {
    within(*seconds, 0, 300)
}

/// At least one, and not so many that an answer fills the memory.
pub(super) fn page(entries: &u32) -> Verdict {
    within(*entries, 1, 10_000)
}

/// A minute to a year.
pub(super) fn oauth_life(seconds: &u32) -> Verdict {
    within(*seconds, 60, 31_536_000)
}

/// Scheme and host, or nothing.
pub(super) fn public_url(text: &String) -> Verdict {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let right = text.is_empty() || host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain));
    require(
        right,
        "must be \"\" or look like \"https://hub.example.org\": scheme, host and perhaps a port, no path",
    )
}

/// `self` and `inherit` mean something else for each holder.
pub(super) fn no_metascopes(scopes: &Vec<Scope>) -> Verdict {
    let meta = scopes.iter().find(|scope| matches!(scope.base, Base::Own | Base::Inherit));
    meta.map_or(Ok(()), |scope| {
        Err(format!("holds {scope}, which is no scope of its own; name what is meant"))
    })
}

/// What a default role may be changed in.
pub(super) fn roles(roles: &Roles) -> Verdict {
    for role in &roles.0 {
        let known = is_default_role(&role.name);
        if role.name.as_str() == "admin" && role.scopes.is_some() {
            return Err("changes the scopes of admin; give them to a role of another name".to_owned());
        }
        if !known && role.scopes.as_ref().is_none_or(Vec::is_empty) {
            return Err(format!("gives the role {} no scopes", role.name));
        }
        if matches!(role.name.as_str(), "server" | "token")
            && !(role.users.is_empty() && role.groups.is_empty() && role.services.is_empty())
        {
            return Err(format!("gives {} to somebody; it is the role of servers or tokens", role.name));
        }
    }
    Ok(())
}

/// Each defined, each described.
pub(super) fn customs(customs: &Customs) -> Verdict {
    customs.definitions().map(drop).map_err(|error| format!("is not right: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_one_spelling() {
        for good in ["/jupyterhub", "/a", "/a/b-c/d_e", "/0"] {
            assert!(base_url(&good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "", "/", "hub", "/hub/", "/hub/../", "//x", "/Hub", "/a b", "/-a", "/a\n", "/é", "/a?b", "/a/./b",
        ] {
            assert!(base_url(&bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_socket_that_would_not_fit_its_address_is_refused() {
        assert!(socket_dir(&PathBuf::from(format!("/{}", "d".repeat(68)))).is_ok());
        assert!(socket_dir(&PathBuf::from(format!("/{}", "d".repeat(69)))).is_err());
        assert!(socket(&PathBuf::from(format!("/{}", "s".repeat(107)))).is_err());
        assert!(socket(&PathBuf::from("gateway.sock")).is_err());
        assert!(socket_dir(&PathBuf::from("/run/a;b")).is_err());
    }

    #[test]
    fn a_state_directory_that_others_can_write_is_refused() {
        assert!(state_dir(&PathBuf::from("/tmp")).unwrap_err().contains("chmod"));
        assert!(state_dir(&PathBuf::from("/etc/passwd")).is_err());
        assert!(state_dir(&PathBuf::from("/no/such/directory")).is_ok());
        assert!(state_dir(&PathBuf::from("/var/../tmp")).is_err());
    }

    #[test]
    fn a_default_url_stays_below_its_server() {
        for bad in ["", "lab", "//evil", "/a/../b", "/a b", "/\"", "/a\n", "/..?x"] {
            assert!(default_url(&bad.to_owned()).is_err(), "{bad}");
        }
        for good in ["/lab", "/tree", "/lab/tree/a.ipynb", "/lab?reset"] {
            assert!(default_url(&good.to_owned()).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_accent_that_nobody_can_read_is_refused() {
        let said = |verdict: Verdict| verdict.err().unwrap_or_default();
        assert!(light_accent(&"#7a1f1f".to_owned()).is_ok() && light_accent(&String::new()).is_ok());
        assert!(said(light_accent(&"#ffd700".to_owned())).contains("too pale"));
        assert!(said(dark_accent(&"#0b63b5".to_owned())).contains("too dark"));
        assert!(said(dark_accent(&"red".to_owned())).contains("no colour"));
    }

    #[test]
    fn texts_of_the_site_are_short_and_plain() {
        assert!(footer(&"Run by the university · 由大学运营".to_owned()).is_ok());
        assert!(footer(&"two\nlines".to_owned()).is_err() && footer(&"x".repeat(501)).is_err());
        assert!(login_text(&"two\nlines".to_owned()).is_ok() && login_text(&"\u{7}".to_owned()).is_err());
    }

    #[test]
    fn numbers_keep_their_bounds() {
        assert!(session_hours(&0).is_err() && session_hours(&8760).is_ok());
        assert!(workers(&0).is_err() && workers(&65).is_err() && workers(&64).is_ok());
        assert!(
            listen_mode(&Mode(0o666)).is_err()
                && listen_mode(&Mode(660)).is_err()
                && listen_mode(&Mode(0o600)).is_ok()
        );
    }
}
