//! The services file: who the services of the site are. The spawner reads the same file for what it runs.

use std::io;
use std::path::Path;

use hubgate_protocol::Services;

use super::load::{self, ConfigError, ConfigErrors};
use super::read::line;

/// Reads and checks the services file. A file that is not there is one without services.
///
/// # Errors
/// All complaints at once, as for `hubgate.toml`.
pub fn load(path: &Path) -> Result<Services, ConfigErrors> {
    let refused = |errors| ConfigErrors { path: path.to_owned(), errors };
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(Services::default());
    }
    let text = load::text(path).map_err(|message| refused(vec![ConfigError { line: None, message }]))?;
    let services: Services = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| line(&text, &span));
        refused(vec![ConfigError { line, message: without_value(error.message()) }])
    })?;
    let problems = services.problems();
    if problems.is_empty() {
        return Ok(services);
    }
    Err(refused(problems.into_iter().map(|message| ConfigError { line: None, message }).collect()))
}

/// A complaint about a type without the value, which may be a token.
fn without_value(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((told, expected)) if told.starts_with("invalid ") => format!("must be {expected}"),
        _ => message.replace('\n', ", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_names_no_services() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(&dir.path().join("services.toml")).unwrap(), Services::default());
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_line_and_without_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("services.toml");
        std::fs::write(&path, "[[services]]\nname = \"x\"\nnonsense = 1\n").unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("services.toml:3: "));
        std::fs::write(&path, "[[services]]\nname = \"x\"\napi_token = \"secret\"\n").unwrap();
        let told = load(&path).unwrap_err().to_string();
        assert!(told.contains("services.x.api_token") && !told.contains("secret"), "{told}");
        for value in ["S3cret", "[\"S3cret\"]", "{ a = \"S3cret\" }", "\"S3cret\" x", "12345678"] {
            std::fs::write(&path, format!("[[services]]\nname = \"x\"\napi_token = {value}\n")).unwrap();
            let told = load(&path).unwrap_err().to_string();
            assert!(!told.contains("S3cret") && !told.contains("12345678"), "{told}");
        }
    }
}
