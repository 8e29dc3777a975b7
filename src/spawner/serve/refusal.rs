//! Refusals: a coarse word for the gateway, the cause for the daemon's own log.

use hubgate_protocol::{ErrorCode, Response, Username};

use crate::engine::EngineError;
use crate::policy::Denied;

/// Why a request was refused, for the answer and for the log.
pub(super) struct Refused {
    pub(super) error: ErrorCode,
    pub(super) message: &'static str,
    pub(super) cause: String,
}

/// What becomes of a request.
pub(super) type Answer = Result<Response, Refused>;

/// Logs the cause and keeps it.
pub(super) fn refuse(op: &str, refused: Refused) -> Response {
    log::warn!("{op} refused: {}", refused.cause);
    Response::Error { error: refused.error, message: refused.message.to_owned() }
}

/// One answer for all reasons: the gateway need not know which accounts this host has.
pub(super) fn no_account(user: &Username, denied: Denied) -> Refused {
    let message = "there is no such account, or it may not have servers";
    Refused { error: ErrorCode::NoAccount, message, cause: format!("user={user}: {denied}") }
}

/// The request is outside its bounds.
pub(super) fn bad(message: &'static str) -> Refused {
    Refused { error: ErrorCode::BadRequest, message, cause: message.to_owned() }
}

/// Nobody waits for this answer of a person: it took too long, or the conversation ended otherwise.
pub(super) fn gone() -> Refused {
    let message = "the conversation is over";
    Refused { error: ErrorCode::Timeout, message, cause: message.to_owned() }
}

/// The engine said no.
#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
pub(super) fn failed(error: EngineError) -> Refused {
    Refused { error: error.code(), message: "the engine could not do it", cause: error.to_string() }
}
