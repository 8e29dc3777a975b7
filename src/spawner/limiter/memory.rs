//! The guesses of a daemon that ended, for the one that follows: whoever can make it start anew gains no guess by that.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use super::{Key, Limiter};
use crate::clock::unix_ms;
use crate::limiter::bucket::Bucket;

/// Largest file that is read: more than that of all buckets there may be.
const FILE_MAX: u64 = 32 * 1024 * 1024;

/// One bucket in the file.
#[derive(Serialize, Deserialize)]
struct Line {
    key: Key,
    tokens: f64,
    at_ms: u64,
}

/// The file that outlives the daemon.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    written: Option<Instant>,
}

impl Memory {
    /// `state_dir/guesses.json`.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("guesses.json"), written: None }
    }

    /// What a former daemon knew; nothing where there was none, or where the file cannot be read, which is logged.
    #[must_use]
    pub fn read(&self, now: Instant) -> Limiter {
        match self.lines() {
            Ok(lines) => restored(lines, now, unix_ms()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Limiter::new(now),
            Err(error) => {
                log::warn!("{}: the guesses of the former daemon are lost: {error}", self.path.display());
                Limiter::new(now)
            }
        }
    }

    /// Writes what `limiter` knows, unless that was done just now: a large file less often than a small one.
    pub fn note(&mut self, limiter: &Limiter, now: Instant) {
        let pause = Duration::from_millis(u64::try_from(limiter.buckets.len()).unwrap_or(u64::MAX));
        if self.written.is_none_or(|at| now.saturating_duration_since(at) >= pause) {
            self.write(limiter, now);
        }
    }

    /// Writes what `limiter` knows.
    pub fn write(&mut self, limiter: &Limiter, now: Instant) {
        self.written = Some(now);
        if let Err(error) = self.replace(limiter, now) {
            log::warn!("{}: guesses will not outlive this daemon: {error}", self.path.display());
        }
    }

    fn replace(&self, limiter: &Limiter, now: Instant) -> io::Result<()> {
        let now_ms = unix_ms();
        let at_ms = |at: Instant| {
            let ago = u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX);
            now_ms.saturating_sub(ago)
        };
        let line = |(key, bucket): (&Key, &Bucket)| Line {
            key: key.clone(),
            tokens: bucket.tokens,
            at_ms: at_ms(bucket.at),
        };
        let lines: Vec<Line> = limiter.buckets.iter().map(line).collect();
        let fresh = self.path.with_extension("json.new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(&lines)?)?;
        // The name appears with its whole content. A power cut may lose it, a daemon that is killed does not.
        fs::rename(&fresh, &self.path)
    }

    fn lines(&self) -> io::Result<Vec<Line>> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        let mut text = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// A clock that was set back makes buckets stand still, never fill.
fn restored(lines: Vec<Line>, now: Instant, now_ms: u64) -> Limiter {
    let mut limiter = Limiter::new(now);
    for line in lines {
        let ago = Duration::from_millis(now_ms.saturating_sub(line.at_ms));
        let passed = ago.as_secs_f64() / line.key.bound().refill_s;
        let mut bucket = Bucket { tokens: line.tokens + passed, at: now };
        bucket.refill(line.key.bound(), now);
        limiter.buckets.insert(line.key, bucket);
    }
    limiter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("hubgate-guesses-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn exhausted(now: Instant) -> Limiter {
        let mut limiter = Limiter::new(now);
        while limiter.take(&"alice".parse().unwrap(), from(), now).is_ok() {}
        limiter
    }

    fn from() -> crate::prefix::Prefix {
        std::net::IpAddr::from([192, 0, 2, 1]).into()
    }

    #[test]
    fn guesses_outlive_the_daemon_and_no_more_than_that() {
        let dir = folder("life");
        let now = Instant::now();
        let mut memory = Memory::new(&dir);
        memory.write(&exhausted(now), now);
        let mut again = Memory::new(&dir).read(now);
        again.take(&"alice".parse().unwrap(), from(), now).unwrap_err();
        again.take(&"bob".parse().unwrap(), from(), now).unwrap();
        again.take(&"alice".parse().unwrap(), from(), now + Duration::from_secs(7)).unwrap();
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn time_that_passed_between_two_daemons_counts_and_a_clock_set_back_does_not() {
        let key = || Key::Pair("alice".parse().unwrap(), from());
        let line = || vec![Line { key: key(), tokens: 0.0, at_ms: 1_000_000 }];
        let now = Instant::now();
        let tokens = |now_ms| restored(line(), now, now_ms).buckets.get(&key()).unwrap().tokens;
        assert!((tokens(1_012_000) - 2.0).abs() < 1e-9);
        assert!(tokens(0).abs() < 1e-9);
        assert!((tokens(u64::MAX) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_left_aside() {
        let dir = folder("bad");
        let memory = Memory::new(&dir);
        for text in ["", "{", "[{\"key\":\"all\",\"tokens\":\"x\",\"at_ms\":0}]", "[1]"] {
            fs::write(dir.join("guesses.json"), text).unwrap();
            assert!(memory.read(Instant::now()).buckets.is_empty(), "{text}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
