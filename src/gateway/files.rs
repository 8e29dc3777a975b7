//! Files put in place together: all or none, never over one that is there.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file to be made.
#[derive(Clone)]
pub struct NewFile {
    /// Where.
    pub path: PathBuf,
    /// Permission bits, whatever the umask.
    pub mode: u32,
    /// Contents.
    pub bytes: zeroize::Zeroizing<Vec<u8>>,
    /// User and group; `None` leaves the caller's.
    pub owner: Option<(u32, u32)>,
}

/// Why nothing was put in place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Files that are there already.
    #[error("{} exists already and is not overwritten", list(.0))]
    Exists(Vec<PathBuf>),
    /// The place and the system's reason.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |error| PlaceError::Io(path, error)
}

/// Drafts beside their places; whatever is left of them goes when this is dropped.
struct Drafts(Vec<PathBuf>);

impl Drop for Drafts {
    fn drop(&mut self) {
        for draft in &self.0 {
            // One that was moved into place is not there any more.
            let _absent = fs::remove_file(draft);
        }
    }
}

impl Drafts {
    fn write(files: &[NewFile]) -> Result<Self, PlaceError> {
        let mut drafts = Self(Vec::new());
        for file in files {
            let draft = draft_of(&file.path);
            // Left by a process of the same number that was killed here.
            let _absent = fs::remove_file(&draft);
            let mut out = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&draft)
                .map_err(at(&draft))?;
            drafts.0.push(draft.clone());
            fill(&mut out, file).map_err(at(&draft))?;
        }
        Ok(drafts)
    }
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    PathBuf::from(name)
}

/// The owner before the mode: a change of owner takes bits away.
fn fill(out: &mut File, file: &NewFile) -> io::Result<()> {
    out.write_all(&file.bytes)?;
    if let Some((uid, gid)) = file.owner {
        std::os::unix::fs::fchown(&*out, Some(uid), Some(gid))?;
    }
    out.set_permissions(Permissions::from_mode(file.mode))?;
    out.sync_all()
}

/// Puts new files in place, making directories (0755) where they are missing.
///
/// # Errors
/// [`PlaceError::Exists`] names every file that is there already; then, and after any other error, nothing has changed.
pub fn place(files: &[NewFile]) -> Result<(), PlaceError> {
    let taken: Vec<PathBuf> = files
        .iter()
        .filter(|file| file.path.symlink_metadata().is_ok())
        .map(|file| file.path.clone())
        .collect();
    if !taken.is_empty() {
        return Err(PlaceError::Exists(taken));
    }
    for directory in files.iter().filter_map(|file| file.path.parent()) {
        make_missing(directory)?;
    }
    let drafts = Drafts::write(files)?;
    let mut placed = Drafts(Vec::new());
    for (file, draft) in files.iter().zip(&drafts.0) {
        // A link, unlike a rename, fails where somebody else was faster.
        fs::hard_link(draft, &file.path).map_err(at(&file.path))?;
        placed.0.push(file.path.clone());
    }
    placed.0.clear();
    sync(files)
}

/// Puts one file in the place of another, in one step.
///
/// # Errors
/// [`PlaceError::Io`]; the old file is as it was then.
pub fn replace(file: &NewFile) -> Result<(), PlaceError> {
    let drafts = Drafts::write(std::slice::from_ref(file))?;
    for draft in &drafts.0 {
        fs::rename(draft, &file.path).map_err(at(&file.path))?;
    }
    sync(std::slice::from_ref(file))
}

/// Says that a file is as new as if it had just been written.
///
/// # Errors
/// [`PlaceError::Io`].
pub fn touch(path: &Path) -> Result<(), PlaceError> {
    let file = OpenOptions::new().append(true).open(path).map_err(at(path))?;
    file.set_modified(SystemTime::now()).map_err(at(path))
}

/// Takes a file away, if it is there.
///
/// # Errors
/// [`PlaceError::Io`].
pub fn remove(path: &Path) -> Result<(), PlaceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// Makes the directories that are missing on the way, 0755 whatever the umask: others must be able to pass.
fn make_missing(directory: &Path) -> Result<(), PlaceError> {
    let missing: Vec<&Path> =
        directory.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    for path in missing.into_iter().rev() {
        DirBuilder::new().create(path).map_err(at(path))?;
        fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(at(path))?;
    }
    Ok(())
}

fn sync(files: &[NewFile]) -> Result<(), PlaceError> {
    for directory in files.iter().filter_map(|file| file.path.parent()) {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))?;
    }
    Ok(())
}

/// Makes a directory with this mode and owner; `false` where it is there already and stays as it is.
///
/// # Errors
/// [`PlaceError::Io`].
pub fn make_directory(path: &Path, mode: u32, owner: Option<(u32, u32)>) -> Result<bool, PlaceError> {
    if path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        make_missing(parent)?;
    }
    DirBuilder::new().mode(mode).create(path).map_err(at(path))?;
    if let Some((uid, gid)) = owner {
        chown(path, Some(uid), Some(gid)).map_err(at(path))?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn file(path: PathBuf, text: &str, mode: u32) -> NewFile {
        NewFile { path, mode, bytes: text.as_bytes().to_vec().into(), owner: None }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_placed_with_their_modes_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("a/b");
        place(&[file(sub.join("key"), "k", 0o600), file(sub.join("crt"), "c", 0o644)]).unwrap();
        assert_eq!(names(&sub), ["crt", "key"]);
        assert_eq!(sub.join("crt").metadata().unwrap().mode() & 0o777, 0o644);
        assert_eq!(fs::read_to_string(sub.join("key")).unwrap(), "k");
    }

    #[test]
    fn one_file_that_exists_stops_all_of_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key"), "old").unwrap();
        let error =
            place(&[file(dir.path().join("crt"), "c", 0o644), file(dir.path().join("key"), "k", 0o600)]);
        assert!(matches!(error, Err(PlaceError::Exists(paths)) if paths == [dir.path().join("key")]));
        assert_eq!(names(dir.path()), ["key"]);
        assert_eq!(fs::read_to_string(dir.path().join("key")).unwrap(), "old");
    }

    #[test]
    fn an_error_in_the_middle_takes_back_what_was_placed() {
        let dir = tempfile::tempdir().unwrap();
        let twice = dir.path().join("x");
        assert!(
            place(&[
                file(dir.path().join("a"), "1", 0o600),
                file(twice.clone(), "2", 0o600),
                file(twice, "3", 0o600)
            ])
            .is_err()
        );
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn a_replaced_file_is_the_new_one_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("crt");
        place(&[file(path.clone(), "old", 0o644)]).unwrap();
        replace(&file(path.clone(), "new", 0o644)).unwrap();
        assert_eq!((names(dir.path()).len(), fs::read_to_string(path).unwrap().as_str()), (1, "new"));
    }
}
