//! Reading a file that only root may have written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// Largest configuration in bytes.
const FILE_MAX: u64 = 64 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}; an empty file takes the defaults", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody but root could have written it.
    #[error("{}: {reason}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong and how to repair it.
        reason: String,
    },
    /// What it says is not what it should be.
    #[error("{}: cannot be used:\n{problems}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// One sentence a line.
        problems: String,
    },
}

/// The text of `path`, after owner and mode were looked at on the open file.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    // A FIFO in its place must not hold the start up.
    let file =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map_err(failed)?;
    if let Some(reason) = unsafe_because(&file).map_err(failed)? {
        return Err(ConfigError::Unsafe { path: path.to_owned(), reason });
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn unsafe_because(file: &File) -> io::Result<Option<String>> {
    let meta = file.metadata()?;
    let me = geteuid().as_raw();
    Ok(if !meta.is_file() {
        Some("is not a regular file".to_owned())
    } else if meta.uid() != 0 && meta.uid() != me {
        Some(format!("belongs to uid {}; make it root's own: chown root", meta.uid()))
    } else if meta.mode() & 0o022 != 0 {
        Some(format!("can be written by others (mode {:o}); chmod go-w", meta.mode() & 0o7777))
    } else if meta.len() >= FILE_MAX {
        Some(format!("has {} bytes, more than {FILE_MAX}", meta.len()))
    } else {
        None
    })
}
