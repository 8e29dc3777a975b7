//! What the site shows of its own: the logo and the terms, read from their files when they are asked for.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use log::warn;

use super::{Hub, blocking};
use crate::config::Config;
use crate::state::logins::Proven;
use crate::store::{Hash, StoreError, terms};

/// Largest logo, bytes.
pub const LOGO_MAX: u64 = 256 * 1024;
/// Longest terms, bytes: pages stay below 50 KB.
pub const TERMS_MAX: u64 = 32 * 1024;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Why a file of the site cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum AppearanceError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// It is larger than it may be.
    #[error("{0}: larger than {1} bytes")]
    Large(PathBuf, u64),
    /// It is not what it should be.
    #[error("{0}: {1}")]
    Kind(PathBuf, &'static str),
}

/// A picture of the site's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media: &'static str,
}

/// What people agree to before their first session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Plain text.
    pub text: String,
    /// SHA-256 of the text: another text is another version.
    pub version: Hash,
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, AppearanceError> {
    let named = |error| AppearanceError::Io(path.to_owned(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(named)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(named)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= most => Ok(bytes),
        _ => Err(AppearanceError::Large(path.to_owned(), most)),
    }
}

/// The logo, where the site has one. Blocks.
///
/// # Errors
/// See [`AppearanceError`].
pub fn logo(config: &Config) -> Result<Option<Logo>, AppearanceError> {
    let path = &config.logo_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let bytes = read(path, LOGO_MAX)?;
    let media = if bytes.starts_with(PNG) {
        "image/png"
    } else if std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("<svg")) {
        "image/svg+xml"
    } else {
        return Err(AppearanceError::Kind(path.clone(), "neither an SVG nor a PNG picture"));
    };
    Ok(Some(Logo { bytes, media }))
}

/// The terms, where the site has some. Blocks.
///
/// # Errors
/// See [`AppearanceError`].
pub fn terms(config: &Config) -> Result<Option<Terms>, AppearanceError> {
    let path = &config.terms_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8(read(path, TERMS_MAX)?)
        .map_err(|_| AppearanceError::Kind(path.clone(), "not UTF-8 text"))?;
    if text.trim().is_empty() {
        return Err(AppearanceError::Kind(path.clone(), "empty"));
    }
    let version = openssl::sha::sha256(text.as_bytes());
    Ok(Some(Terms { text, version }))
}

/// What is wrong with the files of the site's appearance. Blocks.
#[must_use]
pub fn complaints(config: &Config) -> Vec<String> {
    let logo = logo(config).err().map(|error| format!("logo_file: {error}"));
    let terms = terms(config).err().map(|error| format!("terms_file: {error}"));
    logo.into_iter().chain(terms).collect()
}

/// The terms that somebody has still to accept before their session begins.
///
/// # Errors
/// When the file or the database cannot be read: then nobody comes in unasked.
pub async fn terms_for(hub: &Hub, proven: &Proven) -> Result<Option<Terms>, StoreError> {
    if hub.config.terms_file.as_os_str().is_empty() {
        return Ok(None);
    }
    let (config, store, user) = (hub.config.clone(), hub.store.clone(), proven.user.clone());
    let found = blocking(move || {
        let Some(current) = self::terms(&config).map_err(|error| {
            warn!("terms_file: {error}");
            StoreError::Broken
        })?
        else {
            return Ok(None);
        };
        let accepted = store.read(|c| terms::accepted(c, &user, &current.version))?;
        Ok(Some(current).filter(|_| !accepted))
    });
    let found = found.await?;
    Ok(found.filter(|current| proven.terms != Some(current.version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, content: &[u8]) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        (dir, Config { logo_file: path.clone(), terms_file: path, ..Config::default() })
    }

    #[test]
    fn a_site_without_files_shows_nothing_of_its_own() {
        let config = Config::default();
        assert_eq!((logo(&config).unwrap(), terms(&config).unwrap()), (None, None));
        assert!(complaints(&config).is_empty());
    }

    #[test]
    fn a_logo_is_known_by_its_content() {
        let (_dir, config) =
            with("logo.txt", b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>");
        assert_eq!(logo(&config).unwrap().unwrap().media, "image/svg+xml");
        let (_dir, config) = with("logo.svg", b"\x89PNG\r\n\x1a\nrest");
        assert_eq!(logo(&config).unwrap().unwrap().media, "image/png");
        let (_dir, config) = with("logo.svg", b"<html><script>alert(1)</script>");
        assert!(logo(&config).unwrap_err().to_string().contains("neither"));
    }

    #[test]
    fn what_is_too_large_or_not_there_is_refused_with_its_name() {
        let (_dir, config) = with("big", &vec![b'x'; usize::try_from(LOGO_MAX).unwrap() + 1]);
        let told = complaints(&config);
        assert!(
            told[0].starts_with("logo_file: ") && told[0].ends_with("larger than 262144 bytes"),
            "{told:?}"
        );
        assert!(
            told[1].starts_with("terms_file: ") && told[1].ends_with("larger than 32768 bytes"),
            "{told:?}"
        );
        let gone = Config { logo_file: "/nonexistent/logo.svg".into(), ..Config::default() };
        assert!(complaints(&gone)[0].contains("/nonexistent/logo.svg"));
    }

    #[test]
    fn another_text_is_another_version() {
        let version = |text: &[u8]| {
            let (_dir, config) = with("terms.txt", text);
            terms(&config).unwrap().unwrap().version
        };
        assert_eq!(version(b"Be kind."), version(b"Be kind."));
        assert_ne!(version(b"Be kind."), version(b"Be kind!"));
        let (_dir, config) = with("terms.txt", b" \n");
        assert!(terms(&config).is_err());
    }
}
