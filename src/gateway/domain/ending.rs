//! How a server's last run ended, as it is remembered for the next visit.

use hubgate_protocol::{Exit, Phase};
use serde::{Deserialize, Serialize};

use crate::domain::explain::Cause;

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// Somebody, or the hub, asked for it.
    Asked,
    /// Nobody asked the hub for it, and nothing failed.
    Itself,
    /// It failed.
    Failed {
        /// How, as the engine says.
        exit: Option<Exit>,
        /// Why, once the server's last lines were read.
        #[serde(default)]
        cause: Option<Cause>,
    },
}

impl Why {
    /// Why the run is over that was in phase `before` and is in phase `now`; `None`: none is over.
    #[must_use]
    pub fn of(before: Phase, now: Phase, exit: Option<&Exit>, asked: bool) -> Option<Self> {
        let ran = matches!(before, Phase::Starting | Phase::Running | Phase::Stopping);
        match now {
            _ if !ran => None,
            Phase::Failed => Some(Self::Failed { exit: exit.cloned(), cause: None }),
            Phase::Stopped | Phase::Listening if asked => Some(Self::Asked),
            Phase::Stopped | Phase::Listening => Some(Self::Itself),
            Phase::Starting | Phase::Running | Phase::Stopping => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_can_end_and_it_ends_for_one_reason() {
        let exit = Some(Exit { result: "oom-kill".to_owned(), status: 9 });
        let of = |before, now, asked| Why::of(before, now, exit.as_ref(), asked);
        assert_eq!(
            of(Phase::Running, Phase::Failed, true),
            Some(Why::Failed { exit: exit.clone(), cause: None })
        );
        assert_eq!(of(Phase::Stopping, Phase::Stopped, true), Some(Why::Asked));
        assert_eq!(of(Phase::Running, Phase::Listening, false), Some(Why::Itself));
        assert_eq!(of(Phase::Starting, Phase::Running, false), None);
        assert_eq!(of(Phase::Failed, Phase::Stopped, true), None);
        assert_eq!(of(Phase::Stopped, Phase::Failed, false), None);
    }

    #[test]
    fn an_ending_reads_back_as_it_was_written() {
        let exit = Some(Exit { result: "exit-code".to_owned(), status: 1 });
        for why in [
            Why::Asked,
            Why::Itself,
            Why::Failed { exit, cause: Some(Cause::Disk) },
            Why::Failed { exit: None, cause: None },
        ] {
            let ending = Ending { at_us: 1_800_000_000_123_456, why };
            let text = serde_json::to_string(&ending).unwrap();
            assert_eq!(serde_json::from_str::<Ending>(&text).unwrap(), ending, "{text}");
        }
    }
}
