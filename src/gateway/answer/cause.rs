//! Why a server ended, said to people in their language.

use hubgate_protocol::Exit;

use crate::domain::explain::{Cause, cause};
use crate::words::{Language, Message};

/// A cause as pages show it.
#[derive(Debug, Clone)]
pub struct Told {
    /// One word for scripts and tests.
    pub word: &'static str,
    /// What happened, one sentence.
    pub sentence: Message,
    /// What to do about it.
    pub remedy: Message,
}

impl Told {
    /// Both sentences for programs, in English.
    #[must_use]
    pub fn english(&self) -> String {
        let say = |message: &Message| message.in_language(Language::default());
        format!("{} {}", say(&self.sentence), say(&self.remedy))
    }
}

/// What is said of an end, by what the engine says (`None`: nothing is known) and the server's last lines, oldest first.
#[must_use]
pub fn told(exit: Option<&Exit>, log: &[String]) -> Told {
    of(cause(exit, log), exit)
}

/// What is said of a cause that is known already.
#[must_use]
pub fn of(cause: Cause, exit: Option<&Exit>) -> Told {
    let number = exit.and_then(|exit| u64::try_from(exit.status).ok()).unwrap_or_default();
    let (sentence, remedy) = keys(cause);
    Told {
        word: cause.word(),
        sentence: Message::new(sentence).count("n", number),
        remedy: Message::new(remedy),
    }
}

fn keys(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Unknown => ("cause-unknown", "cause-unknown-remedy"),
        Cause::Ended => ("cause-ended", "cause-again"),
        Cause::Home => ("cause-home", "cause-home-remedy"),
        Cause::Program => ("cause-program", "cause-program-remedy"),
        Cause::Account => ("cause-account", "cause-account-remedy"),
        Cause::Pam => ("cause-pam", "cause-pam-remedy"),
        Cause::Sandbox => ("cause-sandbox", "cause-journal-remedy"),
        Cause::Memory => ("cause-memory", "cause-memory-remedy"),
        Cause::Timeout => ("cause-timeout", "cause-timeout-remedy"),
        Cause::StartLimit => ("cause-start-limit", "cause-start-limit-remedy"),
        Cause::Resources => ("cause-resources", "cause-resources-remedy"),
        Cause::Disk => ("cause-disk", "cause-disk-remedy"),
        Cause::Quota => ("cause-quota", "cause-quota-remedy"),
        Cause::ReadOnly => ("cause-read-only", "cause-journal-remedy"),
        Cause::Permission => ("cause-permission", "cause-permission-remedy"),
        Cause::Address => ("cause-address", "cause-address-remedy"),
        Cause::Files => ("cause-files", "cause-journal-remedy"),
        Cause::Configuration => ("cause-configuration", "cause-configuration-remedy"),
        Cause::Package => ("cause-package", "cause-package-remedy"),
        Cause::Python => ("cause-python", "cause-python-remedy"),
        Cause::Signal => ("cause-signal", "cause-again"),
        Cause::Exit => ("cause-exit", "cause-exit-remedy"),
    }
}
