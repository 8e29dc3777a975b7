//! The one decision: may this visitor send this request to that server, now?

use hubgate_protocol::{Phase, Username};

use crate::domain::path::PathError;
use crate::domain::request::Traits;

/// What nginx asked, in types.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Whose server, or why the path names none.
    pub owner: Result<Username, PathError>,
    /// How it was asked.
    pub traits: Traits<'a>,
}

/// The answer to a [`Question`].
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let it through to the owner's server.
    Allow(Grant),
    /// Nobody is logged in.
    Login,
    /// Never, for this visitor and this request.
    Refuse(Reason),
    /// Allowed, but there is no server to talk to.
    NotRunning {
        /// Whose server.
        owner: Username,
        /// What it is doing instead.
        phase: Phase,
    },
}

/// Permission to reach one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose server.
    pub owner: Username,
    /// Who visits.
    pub visitor: Username,
    /// Whether the connection becomes a websocket, which no later question can end.
    pub websocket: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The path is not canonical or names no server.
    BadPath,
    /// The method is not one of Jupyter's.
    BadMethod,
    /// Another site sent it, or a websocket without our origin.
    Foreign,
    /// The server is somebody else's, whether that user exists or not.
    NotYours,
}

impl Reason {
    /// One word for the `X-Hubgate-Reason` header and the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BadPath => "bad-path",
            Self::BadMethod => "bad-method",
            Self::Foreign => "foreign-origin",
            Self::NotYours => "not-yours",
        }
    }
}

/// Decides. `visitor` is who is logged in; `phase` tells the state of a server.
pub fn decide(
    question: &Question<'_>,
    visitor: Option<&Username>,
    phase: impl FnOnce(&Username) -> Phase,
) -> Decision {
    let Ok(owner) = &question.owner else { return Decision::Refuse(Reason::BadPath) };
    if !question.traits.known_method() {
        return Decision::Refuse(Reason::BadMethod);
    }
    let Some(visitor) = visitor else { return Decision::Login };
    if question.traits.foreign() {
        return Decision::Refuse(Reason::Foreign);
    }
    if visitor != owner {
        return Decision::Refuse(Reason::NotYours);
    }
    let grant =
        || Grant { owner: owner.clone(), visitor: visitor.clone(), websocket: question.traits.websocket() };
    match phase(owner) {
        Phase::Running => Decision::Allow(grant()),
        // The first byte would start it: only a person may do that.
        Phase::Listening if question.traits.navigation() => Decision::Allow(grant()),
        phase => Decision::NotRunning { owner: owner.clone(), phase },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn page() -> Question<'static> {
        Question {
            owner: Ok(name("alice")),
            traits: Traits { method: "GET", fetch_mode: "navigate", ..Traits::default() },
        }
    }

    fn poll() -> Question<'static> {
        Question { traits: Traits { method: "GET", fetch_mode: "cors", ..Traits::default() }, ..page() }
    }

    fn ask(question: &Question<'_>, visitor: &str, phase: Phase) -> Decision {
        decide(question, Some(&name(visitor)), |_| phase)
    }

    #[test]
    fn an_owner_reaches_a_running_server() {
        let grant = Grant { owner: name("alice"), visitor: name("alice"), websocket: false };
        assert_eq!(ask(&poll(), "alice", Phase::Running), Decision::Allow(grant));
    }

    #[test]
    fn nobody_else_does_and_learns_nothing_of_its_state() {
        for phase in [Phase::Running, Phase::Stopped, Phase::Failed] {
            assert_eq!(ask(&page(), "bob", phase), Decision::Refuse(Reason::NotYours));
        }
    }

    #[test]
    fn without_a_session_the_answer_is_login_before_anything_is_said_of_the_owner() {
        assert_eq!(decide(&page(), None, |_| Phase::Running), Decision::Login);
    }

    #[test]
    fn a_poll_starts_nothing() {
        for phase in [Phase::Listening, Phase::Stopped, Phase::Failed, Phase::Starting, Phase::Stopping] {
            assert_eq!(ask(&poll(), "alice", phase), Decision::NotRunning { owner: name("alice"), phase });
        }
        assert!(matches!(ask(&page(), "alice", Phase::Listening), Decision::Allow(_)));
    }

    #[test]
    fn a_bad_path_or_method_is_refused_whoever_asks() {
        let bad = Question { owner: Err(PathError::Ambiguous), ..page() };
        assert_eq!(decide(&bad, None, |_| Phase::Running), Decision::Refuse(Reason::BadPath));
        let odd = Question { traits: Traits { method: "FOO", ..page().traits }, ..page() };
        assert_eq!(ask(&odd, "alice", Phase::Running), Decision::Refuse(Reason::BadMethod));
    }
}
