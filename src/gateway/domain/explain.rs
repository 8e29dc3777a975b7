//! Why a server ended, in words a person can act on.

use hubgate_protocol::Exit;

/// A cause and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// One word for logs and metrics.
    pub word: &'static str,
    /// One sentence.
    pub sentence: String,
    /// What to do.
    pub remedy: &'static str,
}

type Row = (&'static str, &'static str, &'static str);

const UNKNOWN: Row = (
    "unknown",
    "The server stopped, and nothing is known of why.",
    "Start it again; the log below may say more.",
);
const ENDED: Row = ("ended", "The server ended by itself.", "Start it again.");

/// Exit statuses that systemd gives itself (systemd.exec(5), "Process Exit Codes").
const STATUSES: [(i32, Row); 6] = [
    (
        200,
        (
            "home",
            "Your home directory is missing or cannot be entered.",
            "Ask the administrator to create it or to mend its permissions.",
        ),
    ),
    (
        203,
        (
            "program",
            "The program that should start is missing or cannot be run.",
            "Ask the administrator to check the command of the server (jupyter@.service).",
        ),
    ),
    (
        216,
        (
            "account",
            "The group of the server's account does not exist on this machine.",
            "Ask the administrator to check the account.",
        ),
    ),
    (
        217,
        (
            "account",
            "The account of the server does not exist on this machine.",
            "Ask the administrator to check the account.",
        ),
    ),
    (
        224,
        (
            "pam",
            "The login session was refused by PAM.",
            "Ask the administrator to look at /etc/pam.d/hubgate-server and the journal.",
        ),
    ),
    (
        226,
        (
            "sandbox",
            "The sandbox of the server could not be set up.",
            "Ask the administrator to look at the journal.",
        ),
    ),
];

/// Other words of `Result=` (systemd.service(5)).
const RESULTS: [(&str, Row); 5] = [
    ("success", ENDED),
    (
        "oom-kill",
        (
            "memory",
            "The server used more memory than it may have and was stopped.",
            "Start it again and load less data at once, or ask for more memory.",
        ),
    ),
    (
        "timeout",
        (
            "timeout",
            "The server did not get ready in time.",
            "Start it again; the log below shows how far it came.",
        ),
    ),
    (
        "start-limit-hit",
        (
            "start-limit",
            "The server was started too often in a short time.",
            "Wait a minute and start it again.",
        ),
    ),
    (
        "resources",
        (
            "resources",
            "The machine could not give what the server needs.",
            "Try again later, or ask the administrator to look at the journal.",
        ),
    ),
];

/// Names the cause.
#[must_use]
pub fn cause(exit: Option<&Exit>) -> Cause {
    let Some(Exit { result, status }) = exit else { return fixed(UNKNOWN) };
    match result.as_str() {
        "exit-code" => exited(*status),
        "signal" | "core-dump" => Cause {
            word: "signal",
            sentence: format!("The server was ended by signal {status}."),
            remedy: "Start it again.",
        },
        other => fixed(RESULTS.iter().find(|(word, _)| *word == other).map_or(UNKNOWN, |(_, row)| *row)),
    }
}

fn exited(status: i32) -> Cause {
    if status == 0 {
        return fixed(ENDED);
    }
    match STATUSES.iter().find(|(known, _)| *known == status) {
        Some((_, row)) => fixed(*row),
        None => Cause {
            word: "exit",
            sentence: format!("The server ended with exit status {status}."),
            remedy: "The log says why; a broken configuration or package in your home directory is the usual cause.",
        },
    }
}

fn fixed((word, sentence, remedy): Row) -> Cause {
    Cause { word, sentence: sentence.to_owned(), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(result: &str, status: i32) -> &'static str {
        cause(Some(&Exit { result: result.to_owned(), status })).word
    }

    #[test]
    fn the_usual_faults_have_a_name() {
        assert_eq!(word("exit-code", 203), "program");
        assert_eq!(word("exit-code", 200), "home");
        assert_eq!(word("exit-code", 217), "account");
        assert_eq!(word("exit-code", 1), "exit");
        assert_eq!(word("oom-kill", 9), "memory");
        assert_eq!(word("timeout", 0), "timeout");
        assert_eq!(word("signal", 9), "signal");
        assert_eq!(cause(None).word, "unknown");
    }
}
