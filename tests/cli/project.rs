//! The project's own files, which some tests read.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the project lies.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The text of one of its files.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below these folders of the project.
pub fn files(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() && !path.is_symlink() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    found
}

/// The files with this ending, with their text, tests at the end of a Rust file left out.
pub fn sources(folders: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let wanted = |path: &PathBuf| path.to_string_lossy().ends_with(ending);
    let read = |path: PathBuf| {
        let all = fs::read_to_string(&path).unwrap();
        let ours = all.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (path, ours)
    };
    files(folders).into_iter().filter(wanted).map(read).collect()
}
