//! Programs of the host that the steward runs: shadow-utils, tar and root's own, each within its time.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::line::harmless;

/// Where programs are looked for.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Most of a program's last words that are kept, in bytes.
const WORDS_MAX: u64 = 1024;
/// Between two looks at a program that runs.
const GLANCE: Duration = Duration::from_millis(10);
/// What else a program that has ended may still say.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// One run of a program.
pub(super) struct Tool<'a> {
    program: &'a Path,
    args: Vec<&'a str>,
    input: Option<Zeroizing<String>>,
    output: Option<File>,
    patience: Duration,
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{program}: {what}")]
pub(super) struct ToolError {
    program: String,
    what: String,
    /// Its exit status, if it ended by itself.
    pub(super) status: Option<i32>,
}

impl<'a> Tool<'a> {
    /// A program by its name or its absolute path, with 60 s of time.
    pub(super) fn new(program: &'a (impl AsRef<Path> + ?Sized), args: Vec<&'a str>) -> Self {
        Self { program: program.as_ref(), args, input: None, output: None, patience: Duration::from_secs(60) }
    }

    /// What it reads; never in its arguments, which everybody can see.
    pub(super) fn input(mut self, text: Zeroizing<String>) -> Self {
        self.input = Some(text);
        self
    }

    /// Where it writes.
    pub(super) fn output(mut self, file: File) -> Self {
        self.output = Some(file);
        self
    }

    /// How long it may take.
    pub(super) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    pub(super) fn run(self) -> Result<(), ToolError> {
        let program = self.program.display().to_string();
        let fail = |what: String, status| ToolError { program: program.clone(), what, status };
        let path = find(self.program).ok_or_else(|| fail("is not installed".to_owned(), None))?;
        let mut child = Command::new(path)
            .args(&self.args)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(self.output.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| fail(error.to_string(), None))?;
        let words = listen(&mut child);
        if let (Some(text), Some(mut pipe)) = (self.input, child.stdin.take()) {
            // One that does not read says why by its status.
            let _closed = pipe.write_all(text.as_bytes());
        }
        let status = wait(&mut child, self.patience).map_err(|error| fail(error.to_string(), None))?;
        if status.success() {
            return Ok(());
        }
        let words = words.recv_timeout(LAST_WORDS).unwrap_or_default();
        Err(fail(format!("{status}: {}", harmless(words.trim(), 512)), status.code()))
    }
}

fn find(program: &Path) -> Option<PathBuf> {
    if program.is_absolute() {
        return program.is_file().then(|| program.to_owned());
    }
    PATH.split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.is_file())
}

/// Collects the beginning of what a program says; the rest is read and dropped, so that it never waits for us.
fn listen(child: &mut Child) -> mpsc::Receiver<String> {
    let (tell, hear) = mpsc::channel();
    if let Some(mut pipe) = child.stderr.take() {
        std::thread::spawn(move || {
            let mut words = Vec::new();
            let _ended = (&mut pipe).take(WORDS_MAX).read_to_end(&mut words);
            let _nobody_listens = tell.send(String::from_utf8_lossy(&words).into_owned());
            let _ended = io::copy(&mut pipe, &mut io::sink());
        });
    }
    hear
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<ExitStatus> {
    let end = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("did not end within {} s", patience.as_secs())));
        }
        std::thread::sleep(GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_told_with_its_words_and_its_status() {
        Tool::new("true", vec![]).run().unwrap();
        let error = Tool::new("sh", vec!["-c", "echo no such luck >&2; exit 3"]).run().unwrap_err();
        assert_eq!(error.status, Some(3));
        assert!(error.to_string().contains("no such luck"), "{error}");
        assert!(Tool::new("no-such-program-here", vec![]).run().is_err());
    }

    #[test]
    fn input_is_read_and_a_program_that_hangs_is_ended() {
        let text = Zeroizing::new("secret".to_owned());
        Tool::new("sh", vec!["-c", "[ \"$(cat)\" = secret ]"]).input(text).run().unwrap();
        let begin = Instant::now();
        let hung = Tool::new("sleep", vec!["60"]).patience(Duration::from_millis(50)).run();
        assert!(hung.is_err() && begin.elapsed() < Duration::from_secs(30));
    }
}
