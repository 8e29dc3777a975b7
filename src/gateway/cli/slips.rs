//! Slips with one-time passwords, to print, cut up and hand out.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use askama::Template;

use super::{Failure, terminal};
use crate::config::Config;
use crate::domain::roster::Planned;
use crate::state::links;

/// The file, which goes away again unless it is kept.
pub(super) struct Slips {
    path: PathBuf,
    file: File,
    kept: bool,
}

#[derive(Template)]
#[template(path = "slips.html")]
struct Page<'a> {
    address: String,
    slips: Vec<Slip<'a>>,
}

struct Slip<'a> {
    name: String,
    login: String,
    password: &'a str,
    must_change: bool,
}

impl Slips {
    /// Makes the file with the rights of whoever asks.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), file, kept: false })
    }

    /// Writes the slips, before anything else is: a password that nobody has read is of no use.
    pub(super) fn write(&self, config: &Config, planned: &[Planned]) -> Result<(), Failure> {
        let new = planned.iter().filter(|one| one.before.is_none());
        let slips = new.filter_map(|one| {
            let name = one.after.display_name.clone().unwrap_or_else(|| one.user.to_string());
            let login = one.after.login.as_ref().map_or_else(|| one.user.to_string(), ToString::to_string);
            let password = one.password.as_ref()?.expose();
            Some(Slip { name, login, password, must_change: one.must_change })
        });
        let address = format!("{}{}/", links::site(config), config.base_url);
        let page = zeroize::Zeroizing::new(Page { address, slips: slips.collect() }.render()?);
        let mut file = &self.file;
        file.write_all(page.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// Lets the file be.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Slips {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let _emptied = self.file.set_len(0);
        if let Err(error) = fs::remove_file(&self.path) {
            terminal::complain(&format!("{} is empty and stays: {error}", self.path.display()));
        }
    }
}
