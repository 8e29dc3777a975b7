//! Passwords of a list of users, hashed and compared on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Failure, terminal};
use crate::domain::roster::Planned;
use crate::password::{self, PasswordError};
use crate::store::{Store, users};

/// Time between two lines about the progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// The hash of every password of a plan, in its order.
pub(super) fn hash_all(planned: &[Planned]) -> Result<Vec<Option<String>>, PasswordError> {
    on_all_cores(planned, "hashed", |one| one.password.as_ref().map(password::hash).transpose())
}

/// Takes those passwords out of a plan that are their users' already.
pub(super) fn drop_known(store: &Store, planned: &mut [Planned]) -> Result<(), Failure> {
    let with_hash: Vec<(Planned, Option<String>)> = store.read(|c| {
        let mut all = Vec::with_capacity(planned.len());
        for one in planned.iter() {
            let asked = one.password.is_some() && one.before.as_ref().is_some_and(|before| before.password);
            let user = if asked { users::by_name(c, &one.user)? } else { None };
            all.push((one.clone(), user.and_then(|user| user.password_hash)));
        }
        Ok(all)
    })?;
    let same = on_all_cores(&with_hash, "compared", |(one, hash)| {
        let given = one.password.as_ref().zip(hash.as_deref());
        Ok(given.map(|(given, hash)| password::verify(given, Some(hash))))
    })?;
    for (one, same) in planned.iter_mut().zip(same) {
        if same == Some(true) {
            one.password = None;
        }
    }
    Ok(())
}

type Done<T> = (usize, Result<Option<T>, PasswordError>);

/// Does the work for each of `all`; the results are in their order.
fn on_all_cores<A: Sync, T: Send>(
    all: &[A],
    verb: &str,
    work: impl Fn(&A) -> Result<Option<T>, PasswordError> + Sync,
) -> Result<Vec<Option<T>>, PasswordError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (next, work) = (AtomicUsize::new(0), &work);
    let mut results: Vec<Option<T>> = all.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (sender, done) = mpsc::channel();
        for _ in 0..cores.min(all.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((at, one)) = take(all, next) {
                    if sender.send((at, work(one))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        collect(&done, &mut results, verb)
    })?;
    Ok(results)
}

fn take<'a, A>(all: &'a [A], next: &AtomicUsize) -> Option<(usize, &'a A)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    all.get(at).map(|one| (at, one))
}

/// Takes results as they come, and tells how far it is when that takes long.
fn collect<T>(
    done: &mpsc::Receiver<Done<T>>,
    results: &mut [Option<T>],
    verb: &str,
) -> Result<(), PasswordError> {
    let (mut count, mut told) = (0_usize, Instant::now());
    loop {
        match done.recv_timeout(PROGRESS) {
            Ok((at, result)) => {
                let result = result?;
                if let Some(slot) = results.get_mut(at) {
                    *slot = result;
                }
                count += 1;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if told.elapsed() >= PROGRESS {
            terminal::complain(&format!("{count} of {} passwords {verb}", results.len()));
            told = Instant::now();
        }
    }
}
