//! `hubgate user import`: hash every password on all cores, then one transaction.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::roster::{self, FILE_MAX, Row, RowError};
use super::{Failure, failure, terminal, user};
use crate::clock::Clock;
use crate::password::{self, PasswordError};
use crate::store::{Conn, NewUser, Store, StoreError, users};

/// Time between two lines about the progress.
const PROGRESS: Duration = Duration::from_secs(2);

pub(super) fn run(config: &Path, path: &Path, update: bool) -> Result<(), Failure> {
    // Read with the caller's rights, before they are given up for those of the database's owner.
    let bytes = read(path)?;
    let rows = roster::parse(&bytes).map_err(|errors| complaint(path, &errors))?;
    let store = user::with_passwords(config)?;
    let known = known(&store, &rows)?;
    if !update && !known.is_empty() {
        return Err(complaint(path, &known));
    }
    let hashes = hash_all(&rows)?;
    let updated = match store.write(|c| apply(c, &rows, &hashes, update)) {
        Err(StoreError::Exists) => {
            return failure("somebody added one of these users meanwhile; nothing was imported");
        }
        other => other?,
    };
    let added = rows.len() - updated;
    terminal::say(&format!("{added} users added, {updated} updated"))
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
    let meta = path.metadata().map_err(failed)?;
    if !meta.is_file() {
        return failure(format!("{}: is not a regular file", path.display()));
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let limit = u64::try_from(FILE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn complaint(path: &Path, errors: &[RowError]) -> Failure {
    let mut lines: Vec<String> = errors.iter().map(|error| format!("{}:{error}", path.display())).collect();
    lines.push("nothing was imported".to_owned());
    Failure(lines.join("\n"))
}

/// Rows whose user is there already.
fn known(store: &Store, rows: &[Row]) -> Result<Vec<RowError>, StoreError> {
    store.read(|c| {
        let mut known = Vec::new();
        for row in rows {
            if users::by_name(c, &row.user)?.is_some() {
                let message =
                    format!("column user: {} exists already; --update changes existing users", row.user);
                known.push(RowError { line: row.line, message });
            }
        }
        Ok(known)
    })
}

/// The hash of every row's password, in the order of the rows.
fn hash_all(rows: &[Row]) -> Result<Vec<String>, PasswordError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let mut hashes: Vec<Option<String>> = vec![None; rows.len()];
    thread::scope(|scope| {
        let (sender, done) = mpsc::channel();
        for _ in 0..cores.min(rows.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((at, row)) = take(rows, next) {
                    if sender.send((at, password::hash(&row.password))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        collect(&done, &mut hashes)
    })?;
    Ok(hashes.into_iter().flatten().collect())
}

fn take<'r>(rows: &'r [Row], next: &AtomicUsize) -> Option<(usize, &'r Row)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    rows.get(at).map(|row| (at, row))
}

type Hashed = (usize, Result<String, PasswordError>);

/// Takes the hashes as they come, and tells how far it is when that takes long.
fn collect(done: &mpsc::Receiver<Hashed>, hashes: &mut [Option<String>]) -> Result<(), PasswordError> {
    let (mut count, mut told) = (0_usize, std::time::Instant::now());
    loop {
        match done.recv_timeout(PROGRESS) {
            Ok((at, hash)) => {
                let hash = hash?;
                if let Some(slot) = hashes.get_mut(at) {
                    *slot = Some(hash);
                }
                count += 1;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if told.elapsed() >= PROGRESS {
            terminal::complain(&format!("{count} of {} passwords hashed", hashes.len()));
            told = std::time::Instant::now();
        }
    }
}

/// Writes everything; how many users existed before.
fn apply(c: &mut Conn, rows: &[Row], hashes: &[String], update: bool) -> diesel::QueryResult<usize> {
    let created_s = Clock::System.now_s();
    let mut new = Vec::new();
    let mut updated = 0;
    for (row, hash) in rows.iter().zip(hashes) {
        if update && users::by_name(c, &row.user)?.is_some() {
            users::set_password(c, &row.user, hash)?;
            if let Some(admin) = row.admin {
                users::set_admin(c, &row.user, admin)?;
            }
            updated += 1;
        } else {
            let (name, admin) = (row.user.clone(), row.admin.unwrap_or(false));
            new.push(NewUser { name, admin, password_hash: Some(hash.clone()), created_s });
        }
    }
    users::insert_many(c, &new)?;
    Ok(updated)
}
