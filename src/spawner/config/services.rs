//! The services file: what root lets run beside the hub.

use std::io;
use std::path::Path;

use hubgate_protocol::Services;

use super::file::{self, ConfigError};

/// Reads and checks the file; one that is not there names no service.
///
/// # Errors
/// [`ConfigError`], with the place and all that is wrong.
pub fn load(path: &Path) -> Result<Services, ConfigError> {
    match file::read(path) {
        Err(ConfigError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Services::default())
        }
        Err(error) => Err(error),
        Ok(text) => parse(&text).map_err(|problems| ConfigError::Content { path: path.to_owned(), problems }),
    }
}

fn parse(text: &str) -> Result<Services, String> {
    // The message alone: the whole text of an error shows the line, and a token may stand in it.
    let place = |error: &toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let message = match error.message().split_once(", expected ") {
            Some((told, expected)) if told.starts_with("invalid ") => format!("must be {expected}"),
            _ => error.message().to_owned(),
        };
        format!("line {}: {message}", before.matches('\n').count() + 1)
    };
    let services: Services = toml::from_str(text).map_err(|error| place(&error))?;
    let problems = services.problems();
    if problems.is_empty() { Ok(services) } else { Err(problems.join("\n")) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_names_services_with_jupyterhubs_keys() {
        let services = parse(
            "[[services]]\nname = \"culler\"\ncommand = [\"/v/python3\", \"-m\", \"jupyterhub_idle_culler\"]\n\n\
             [[services]]\nname = \"whoami\"\nurl = \"http://127.0.0.1:9999\"\ninfo = { a = 1 }\n[services.environment]\nA = \"b\"\n\
             [[services]]\nname = \"x\"\n",
        );
        // `environment` without a command is a mistake worth telling.
        assert!(services.unwrap_err().contains("services.whoami.cwd, user, environment"));
        assert!(parse("").unwrap().services.is_empty());
    }

    #[test]
    fn an_error_names_the_line_and_never_a_token() {
        let error = parse("[[services]]\nname = \"a\"\napi_token = \"S3cretS3cret\" x\n").unwrap_err();
        assert!(error.contains("line 3") && !error.contains("S3cret"), "{error}");
        for wrong in ["\"S3cret\"", "[\"S3cret\"]", "\"S3cret"] {
            let error = parse(&format!("[[services]]\nname = \"a\"\napi_token = {wrong}\n")).unwrap_err();
            assert!(!error.contains("S3cret"), "{error}");
        }
        let error = parse("[[services]]\nname = \"a\"\napi_token = 12345678\n").unwrap_err();
        assert_eq!(error, "line 3: must be a string");
    }

    #[test]
    fn a_missing_file_names_none_and_one_that_others_can_write_is_refused() {
        let dir = std::env::temp_dir().join(format!("hubgate-services-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("services.toml");
        assert!(load(&path).unwrap().services.is_empty());
        fs::write(&path, "[[services]]\nname = \"a\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load(&path).unwrap().services.len(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        assert!(matches!(load(&path), Err(ConfigError::Unsafe { .. })));
        fs::remove_dir_all(dir).unwrap();
    }
}
