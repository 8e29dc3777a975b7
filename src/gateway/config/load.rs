//! Opening the file: only a regular file that nobody else can write is believed.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hubgate_protocol::Secret;
use nix::fcntl::OFlag;

use super::{Config, FILE_MAX, read};

/// Most that is read of a file with a secret, bytes.
const SECRET_FILE_MAX: u64 = 4096;

/// One complaint about the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Line of the file, from 1; absent where the file itself is the matter.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Everything that is wrong with a configuration file: one line each, `FILE:LINE: sentence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file.
    pub path: PathBuf,
    /// The complaints, in the order of the file. Never empty.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            let line = error.line.map(|line| format!("{line}:")).unwrap_or_default();
            write!(f, "{end}{}:{line} {}", self.path.display(), error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// All complaints at once. A file that is a symbolic link, not regular, writable by group or world, owned by neither
    /// root nor the caller, above [`FILE_MAX`] or not UTF-8 is refused before it is parsed.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let text = text(path).map_err(|message| {
            let errors = vec![ConfigError { line: None, message }];
            ConfigErrors { path: path.to_owned(), errors }
        })?;
        read::parse(path, &text)
    }

    /// Checks the text of a configuration file; `path` is for the messages.
    ///
    /// # Errors
    /// All complaints at once.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigErrors> {
        read::parse(path, text)
    }
}

/// The text of a file that nobody else can write.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > FILE_MAX {
        return Err("is larger than 1 MiB: this is no configuration file".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text: save it as UTF-8".to_owned())
}

/// A secret out of a file of one line that nobody else may read: not the world, and a group only where it is ours.
///
/// # Errors
/// Why not, as a sentence about the file.
pub fn secret(path: &Path) -> Result<Secret, String> {
    let refused = |why: String| format!("{}: {why}", path.display());
    let file = open(path).map_err(refused)?;
    let mode = file.metadata().map_err(|error| refused(why_not(&error)))?.mode();
    if mode & 0o007 != 0 {
        return Err(refused("others can read the secret: run chmod o= on it".to_owned()));
    }
    let mut text = String::new();
    file.take(SECRET_FILE_MAX)
        .read_to_string(&mut text)
        .map_err(|error| refused(format!("cannot be read: {error}")))?;
    let line = text.trim_end_matches(['\n', '\r']);
    if line.is_empty() || line.chars().any(char::is_control) {
        return Err(refused("must hold one line, the secret".to_owned()));
    }
    Secret::try_from(line.to_owned()).map_err(|_| refused("is too long for a secret".to_owned()))
}

/// Opens without waiting (a FIFO would block) and without following a link, then looks at what was opened.
fn open(path: &Path) -> Result<File, String> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|error| why_not(&error))?;
    let meta = file.metadata().map_err(|error| why_not(&error))?;
    let me = nix::unistd::geteuid().as_raw();
    if !meta.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if meta.mode() & 0o022 != 0 {
        return Err("can be written by group or world: run chmod go-w on it".to_owned());
    }
    // Root decides for itself whose file it names; anybody else believes root and themselves.
    if me != 0 && meta.uid() != 0 && meta.uid() != me {
        return Err("belongs to another user: it must be root's or your own".to_owned());
    }
    Ok(file)
}

fn why_not(error: &io::Error) -> String {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::ELOOP) => "is a symbolic link: name the file itself".to_owned(),
        Some(nix::errno::Errno::ENOENT) => {
            "does not exist: name it by --config FILE or HUBGATE_CONFIG, or run `hubgate init`".to_owned()
        }
        Some(nix::errno::Errno::ENXIO) => "is not a regular file".to_owned(),
        _ => format!("cannot be opened: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn file(dir: &tempfile::TempDir, bytes: &[u8], mode: u32) -> PathBuf {
        let path = dir.path().join("hubgate.toml");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn refusal(path: &Path) -> String {
        Config::load(path).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_plain_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, b"workers = 3\n", 0o640);
        assert_eq!(Config::load(&path).unwrap().workers, 3);
    }

    #[test]
    fn a_file_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o666, 0o620, 0o602] {
            assert!(refusal(&file(&dir, b"", mode)).contains("chmod"), "{mode:o}");
        }
    }

    #[test]
    fn links_fifos_and_directories_are_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let target = file(&dir, b"", 0o600);
        let link = dir.path().join("link");
        symlink(target, &link).unwrap();
        assert!(refusal(&link).contains("symbolic link"));
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert!(refusal(&fifo).contains("regular"));
        assert!(refusal(dir.path()).contains("regular"));
        assert!(refusal(&dir.path().join("nothing")).contains("hubgate init"));
    }

    #[test]
    fn a_secret_is_one_line_that_others_cannot_read() {
        let dir = tempfile::tempdir().unwrap();
        let said =
            |bytes: &[u8], mode| secret(&file(&dir, bytes, mode)).map(|secret| secret.expose().to_owned());
        assert_eq!(said(b"s3cret\n", 0o600).unwrap(), "s3cret");
        assert_eq!(said(b"s3cret", 0o640).unwrap(), "s3cret");
        assert!(said(b"s3cret", 0o644).unwrap_err().contains("chmod"));
        for bad in [&b""[..], b"\n", b"a\nb\n", b"\xff", &[b'a'; 5000]] {
            assert!(said(bad, 0o600).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_too_large_or_in_another_encoding_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refusal(&file(&dir, &vec![b'#'; FILE_MAX + 1], 0o600)).contains("1 MiB"));
        assert!(refusal(&file(&dir, b"\xff\xfe[\0s\0", 0o600)).contains("UTF-8"));
    }
}
