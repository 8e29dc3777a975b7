//! Why a server ended: one cause, out of what the engine says and of the server's own last lines.

use hubgate_protocol::Exit;
use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($($(#[$doc:meta])* $cause:ident $word:literal;)+) => {
        /// Why a server ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Cause { $($(#[$doc])* #[serde(rename = $word)] $cause,)+ }

        impl Cause {
            /// One word for scripts, logs and metrics.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$cause => $word,)+ }
            }
        }
    };
}

causes! {
    /// Nothing is known.
    Unknown "unknown";
    /// By itself, without a fault.
    Ended "ended";
    /// The home directory is missing or cannot be entered.
    Home "home";
    /// The program is missing or cannot be run.
    Program "program";
    /// The account or its group does not exist on the host.
    Account "account";
    /// PAM refused the session.
    Pam "pam";
    /// The sandbox could not be set up.
    Sandbox "sandbox";
    /// More memory than it may have, or than there is.
    Memory "memory";
    /// It did not get ready in time.
    Timeout "timeout";
    /// Too many starts in a short time.
    StartLimit "start-limit";
    /// The host could not give what it needs.
    Resources "resources";
    /// The file system is full.
    Disk "disk";
    /// The owner's quota is used up.
    Quota "quota";
    /// The file system is read-only.
    ReadOnly "read-only";
    /// A file may not be read or written.
    Permission "permission";
    /// Its address is taken.
    Address "address";
    /// Too many open files.
    Files "files";
    /// A configuration file of Jupyter's is broken.
    Configuration "configuration";
    /// A package or library is missing or broken.
    Package "package";
    /// Python itself cannot begin, as with a wrong `PYTHONHOME`.
    Python "python";
    /// A signal.
    Signal "signal";
    /// An exit status that says no more.
    Exit "exit";
}

/// Exit statuses that systemd gives itself (systemd.exec(5), "Process Exit Codes").
const STATUSES: [(i32, Cause); 7] = [
    (0, Cause::Ended),
    (200, Cause::Home),
    (203, Cause::Program),
    (216, Cause::Account),
    (217, Cause::Account),
    (224, Cause::Pam),
    (226, Cause::Sandbox),
];

/// Words of `Result=` (systemd.service(5)) that say enough.
const RESULTS: [(&str, Cause); 7] = [
    ("success", Cause::Ended),
    ("oom-kill", Cause::Memory),
    ("timeout", Cause::Timeout),
    ("start-limit-hit", Cause::StartLimit),
    ("resources", Cause::Resources),
    ("signal", Cause::Signal),
    ("core-dump", Cause::Signal),
];

/// What the C library, Python and Jupyter write where something is wrong.
const LINES: [(&str, Cause); 16] = [
    ("No module named 'encodings'", Cause::Python),
    ("No space left on device", Cause::Disk),
    ("Disk quota exceeded", Cause::Quota),
    ("Read-only file system", Cause::ReadOnly),
    ("Permission denied", Cause::Permission),
    ("Address already in use", Cause::Address),
    ("Too many open files", Cause::Files),
    ("Cannot allocate memory", Cause::Memory),
    ("MemoryError", Cause::Memory),
    ("std::bad_alloc", Cause::Memory),
    ("Exception while loading config file", Cause::Configuration),
    ("Invalid JSON file", Cause::Configuration),
    ("ModuleNotFoundError", Cause::Package),
    ("ImportError", Cause::Package),
    ("error while loading shared libraries", Cause::Package),
    ("Fatal Python error", Cause::Python),
];

/// Names the cause. `log`: the server's last lines, oldest first; they are asked where the engine knows no more than that it
/// ended, the newest first. The owner writes them: they can mislead nobody else.
#[must_use]
pub fn cause(exit: Option<&Exit>, log: &[String]) -> Cause {
    let by_engine = engine(exit);
    if !matches!(by_engine, Cause::Exit | Cause::Signal | Cause::Timeout | Cause::Unknown) {
        return by_engine;
    }
    let known = |line: &String| LINES.iter().find(|(text, _)| line.contains(text)).map(|(_, cause)| *cause);
    log.iter().rev().find_map(known).unwrap_or(by_engine)
}

fn engine(exit: Option<&Exit>) -> Cause {
    let Some(Exit { result, status }) = exit else { return Cause::Unknown };
    if result == "exit-code" {
        let known = STATUSES.iter().find(|(known, _)| known == status);
        return known.map_or(Cause::Exit, |(_, cause)| *cause);
    }
    RESULTS.iter().find(|(word, _)| word == result).map_or(Cause::Unknown, |(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(result: &str, status: i32, log: &[&str]) -> &'static str {
        let log: Vec<String> = log.iter().map(|line| (*line).to_owned()).collect();
        cause(Some(&Exit { result: result.to_owned(), status }), &log).word()
    }

    #[test]
    fn what_the_engine_knows_has_a_name() {
        for (result, status, word) in [
            ("exit-code", 203, "program"),
            ("exit-code", 200, "home"),
            ("exit-code", 217, "account"),
            ("exit-code", 224, "pam"),
            ("exit-code", 1, "exit"),
            ("exit-code", 0, "ended"),
            ("success", 0, "ended"),
            ("oom-kill", 9, "memory"),
            ("timeout", 0, "timeout"),
            ("start-limit-hit", 0, "start-limit"),
            ("signal", 9, "signal"),
            ("news-of-tomorrow", 0, "unknown"),
        ] {
            assert_eq!(named(result, status, &[]), word, "{result} {status}");
        }
        assert_eq!(cause(None, &[]), Cause::Unknown);
    }

    #[test]
    fn where_the_engine_knows_no_more_than_the_end_the_newest_telling_line_names_the_cause() {
        let full = "OSError: [Errno 28] No space left on device: '/home/ada/.local/share/jupyter'";
        let denied = "PermissionError: [Errno 13] Permission denied: '/home/ada/.local'";
        for (line, word) in [
            (full, "disk"),
            ("OSError: [Errno 122] Disk quota exceeded", "quota"),
            (denied, "permission"),
            ("OSError: [Errno 98] Address already in use", "address"),
            (
                "[E ServerApp] Exception while loading config file /home/ada/.jupyter/jupyter_server_config.py",
                "configuration",
            ),
            ("ModuleNotFoundError: No module named 'jupyterlab'", "package"),
            ("Fatal Python error: init_fs_encoding: failed to get the Python codec", "python"),
            ("ModuleNotFoundError: No module named 'encodings'", "python"),
        ] {
            assert_eq!(named("exit-code", 1, &[line, "said last"]), word, "{line}");
            assert_eq!(named("timeout", 0, &[line]), word, "{line}");
        }
        assert_eq!(named("exit-code", 1, &[denied, full]), "disk");
        assert_eq!(named("exit-code", 200, &[full]), "home", "what the engine knows is certain");
        assert_eq!(named("oom-kill", 9, &[full]), "memory");
    }
}
