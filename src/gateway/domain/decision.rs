//! The one decision: may this visitor send this request to that server, now?

use hubgate_protocol::{Phase, ServerId};

use crate::domain::path::PathError;
use crate::domain::request::Traits;

/// What nginx asked, in types.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Which server, or why the path names none.
    pub server: Result<ServerId, PathError>,
    /// How it was asked.
    pub traits: Traits<'a>,
}

/// What the request's credentials are worth for the server that it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// They prove nobody.
    Nobody,
    /// They prove somebody who may not use this server.
    Denied,
    /// A cookie of somebody who may by a role, and has not said yet why they enter what is not theirs.
    Unexplained,
    /// A cookie of somebody who may. Browsers send cookies whoever made the request.
    Cookie,
    /// A token, of somebody who may, in a header that no other site can make a browser send.
    Token,
}

/// The answer to a [`Question`].
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Let it through to the server.
    Allow(Grant),
    /// Nobody is logged in.
    Login,
    /// Never, for this visitor and this request.
    Refuse(Reason),
    /// Allowed as soon as the visitor says why.
    Explain {
        /// Which server.
        server: ServerId,
    },
    /// Allowed, but there is no server to talk to.
    NotRunning {
        /// Which server.
        server: ServerId,
        /// What it is doing instead.
        phase: Phase,
    },
}

/// Permission to reach one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which server.
    pub server: ServerId,
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
    /// The visitor may not use the server, whether it exists or not.
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

/// Decides. `access` judges the credentials for that server, `phase` tells its state.
pub fn decide(
    question: Question<'_>,
    access: impl FnOnce(&ServerId) -> Access,
    phase: impl FnOnce(&ServerId) -> Phase,
) -> Decision {
    let Ok(server) = question.server else { return Decision::Refuse(Reason::BadPath) };
    if !question.traits.known_method() {
        return Decision::Refuse(Reason::BadMethod);
    }
    let access = access(&server);
    match access {
        Access::Nobody => return Decision::Login,
        Access::Denied | Access::Unexplained | Access::Cookie if question.traits.foreign() => {
            return Decision::Refuse(Reason::Foreign);
        }
        Access::Denied => return Decision::Refuse(Reason::NotYours),
        Access::Unexplained => return Decision::Explain { server },
        Access::Cookie | Access::Token => {}
    }
    match phase(&server) {
        Phase::Running => {}
        // The first byte would start it: only a person may do that.
        Phase::Listening if question.traits.navigation() && access == Access::Cookie => {}
        phase => return Decision::NotRunning { server, phase },
    }
    Decision::Allow(Grant { server, websocket: question.traits.websocket() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerId {
        "alice".parse().unwrap()
    }

    fn page() -> Question<'static> {
        Question {
            server: Ok(server()),
            traits: Traits { method: "GET", fetch_mode: "navigate", ..Traits::default() },
        }
    }

    fn poll() -> Question<'static> {
        Question { traits: Traits { method: "GET", fetch_mode: "cors", ..Traits::default() }, ..page() }
    }

    fn ask(question: Question<'_>, access: Access, phase: Phase) -> Decision {
        decide(question, |_| access, |_| phase)
    }

    #[test]
    fn whoever_may_reaches_a_running_server() {
        let grant = Grant { server: server(), websocket: false };
        for access in [Access::Cookie, Access::Token] {
            assert_eq!(ask(poll(), access, Phase::Running), Decision::Allow(grant.clone()));
        }
    }

    #[test]
    fn nobody_else_does_and_learns_nothing_of_its_state() {
        for phase in [Phase::Running, Phase::Stopped, Phase::Failed] {
            assert_eq!(ask(page(), Access::Denied, phase), Decision::Refuse(Reason::NotYours));
        }
    }

    #[test]
    fn who_has_not_said_why_is_asked_whatever_the_server_does() {
        for phase in [Phase::Running, Phase::Stopped, Phase::Failed] {
            for question in [page(), poll()] {
                assert_eq!(ask(question, Access::Unexplained, phase), Decision::Explain { server: server() });
            }
        }
        let foreign = Question { traits: Traits { upgrade: "websocket", ..poll().traits }, ..poll() };
        assert_eq!(ask(foreign, Access::Unexplained, Phase::Running), Decision::Refuse(Reason::Foreign));
    }

    #[test]
    fn without_credentials_the_answer_is_login_before_anything_is_said_of_the_owner() {
        assert_eq!(ask(page(), Access::Nobody, Phase::Running), Decision::Login);
    }

    #[test]
    fn a_poll_starts_nothing_and_neither_does_a_token() {
        for phase in [Phase::Listening, Phase::Stopped, Phase::Failed, Phase::Starting, Phase::Stopping] {
            let stopped = Decision::NotRunning { server: server(), phase };
            assert_eq!(ask(poll(), Access::Cookie, phase), stopped);
            assert_eq!(ask(page(), Access::Token, phase), stopped);
        }
        assert!(matches!(ask(page(), Access::Cookie, Phase::Listening), Decision::Allow(_)));
    }

    #[test]
    fn a_websocket_with_a_token_needs_no_origin_and_one_with_a_cookie_does() {
        let socket = || Question { traits: Traits { upgrade: "websocket", ..poll().traits }, ..poll() };
        let allowed = Decision::Allow(Grant { server: server(), websocket: true });
        assert_eq!(ask(socket(), Access::Token, Phase::Running), allowed);
        assert_eq!(ask(socket(), Access::Cookie, Phase::Running), Decision::Refuse(Reason::Foreign));
    }

    #[test]
    fn a_bad_path_or_method_is_refused_whoever_asks() {
        let bad = Question { server: Err(PathError::Ambiguous), ..page() };
        assert_eq!(ask(bad, Access::Nobody, Phase::Running), Decision::Refuse(Reason::BadPath));
        let odd = Question { traits: Traits { method: "FOO", ..page().traits }, ..page() };
        assert_eq!(ask(odd, Access::Cookie, Phase::Running), Decision::Refuse(Reason::BadMethod));
    }
}
