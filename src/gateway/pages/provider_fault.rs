//! What people are told when a provider does not let them in: the cause in our own words, and what they or the administrator
//! can do. Nothing that the provider wrote is shown.

use actix_web::http::StatusCode;

use crate::answer::Failure;
use crate::state::provider::Fault;
use crate::words::Message;

const AGAIN: &str = "provider-again";
const LATER: &str = "provider-later";
const TELL: &str = "provider-tell";

/// Status, the key of the sentence, and that of the remedy.
type Told = (StatusCode, &'static str, &'static str);

/// The error page. `title` is what the site calls the provider.
#[must_use]
pub fn told(fault: &Fault, title: &str) -> Failure {
    let (status, sentence, remedy) = match fault {
        Fault::Unknown | Fault::Stale | Fault::Busy | Fault::Store(_) => {
            let (status, sentence, remedy) = ours(fault);
            return waiting(
                status,
                Failure::new(status, Message::new(sentence)).remedy(Message::new(remedy)),
            );
        }
        Fault::NoName(_) | Fault::Unverified | Fault::BadName | Fault::Taken(_) => nobody_here(fault),
        Fault::Refused(code) => refused(code),
        _ => unproven(fault),
    };
    let failure = Failure::new(status, Message::new(sentence).with("provider", title));
    waiting(status, failure.remedy(Message::new(remedy)))
}

fn waiting(status: StatusCode, failure: Failure) -> Failure {
    if status == StatusCode::SERVICE_UNAVAILABLE { failure.retry_after(10) } else { failure }
}

/// Nothing that the provider did.
const fn ours(fault: &Fault) -> Told {
    match fault {
        Fault::Unknown => (StatusCode::NOT_FOUND, "provider-unknown", AGAIN),
        Fault::Stale => (StatusCode::FORBIDDEN, "provider-stale", "provider-stale-remedy"),
        Fault::Busy => (StatusCode::SERVICE_UNAVAILABLE, "provider-busy", "provider-busy-remedy"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "error-unavailable", LATER),
    }
}

/// The provider did not prove what it must.
const fn unproven(fault: &Fault) -> Told {
    let (forbidden, gateway) = (StatusCode::FORBIDDEN, StatusCode::BAD_GATEWAY);
    match fault {
        Fault::Unreachable(_) => (StatusCode::SERVICE_UNAVAILABLE, "provider-unreachable", LATER),
        Fault::WrongIssuer(_) => (gateway, "provider-issuer", TELL),
        Fault::Client(_) => (gateway, "provider-client", "provider-client-remedy"),
        Fault::Code => (forbidden, "provider-code", AGAIN),
        Fault::Signature(_) => (gateway, "provider-signature", TELL),
        Fault::Time(_) => (forbidden, "provider-time", "provider-time-remedy"),
        Fault::Nonce => (forbidden, "provider-nonce", AGAIN),
        Fault::Audience(_) => (gateway, "provider-audience", TELL),
        Fault::OtherSubject => (gateway, "provider-subject", TELL),
        Fault::NotAnew => (forbidden, "provider-not-anew", "provider-not-anew-remedy"),
        _ => (gateway, "provider-nonsense", TELL),
    }
}

/// The person is who they say, but no user of this hub.
const fn nobody_here(fault: &Fault) -> Told {
    let (sentence, remedy) = match fault {
        Fault::Unverified => ("provider-unverified", "provider-unverified-remedy"),
        Fault::BadName => ("provider-name", "provider-name-remedy"),
        Fault::Taken(_) => ("provider-taken", "provider-taken-remedy"),
        _ => ("provider-no-name", TELL),
    };
    (StatusCode::FORBIDDEN, sentence, remedy)
}

/// The provider's own error, by the words that the standards have.
fn refused(code: &str) -> Told {
    match code {
        "access_denied" => (StatusCode::FORBIDDEN, "provider-denied", "provider-denied-remedy"),
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            (StatusCode::FORBIDDEN, "provider-login", AGAIN)
        }
        "temporarily_unavailable" | "server_error" => {
            (StatusCode::SERVICE_UNAVAILABLE, "provider-unable", LATER)
        }
        _ => (StatusCode::BAD_GATEWAY, "provider-refused", "provider-refused-remedy"),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;

    use super::*;

    #[test]
    fn every_fault_has_a_sentence_of_its_own_and_no_text_of_the_provider() {
        let hostile = || "<script>alert(1)</script>".to_owned();
        let faults = [
            Fault::Unknown,
            Fault::Stale,
            Fault::Busy,
            Fault::Refused("access_denied".to_owned()),
            Fault::Refused("login_required".to_owned()),
            Fault::Refused("server_error".to_owned()),
            Fault::Refused(hostile()),
            Fault::Unreachable(hostile()),
            Fault::Nonsense(hostile()),
            Fault::WrongIssuer(hostile()),
            Fault::Client(hostile()),
            Fault::Code,
            Fault::Signature(hostile()),
            Fault::Time(hostile()),
            Fault::Nonce,
            Fault::Audience(hostile()),
            Fault::OtherSubject,
            Fault::NotAnew,
            Fault::NoName(hostile()),
            Fault::Unverified,
            Fault::BadName,
            Fault::Taken(hostile()),
            Fault::Store(hostile()),
        ];
        let mut sentences: Vec<String> = faults.iter().map(|fault| told(fault, "Uni").to_string()).collect();
        assert!(
            sentences.iter().all(|text| !text.contains("script") && text.ends_with('.')),
            "{sentences:?}"
        );
        let count = sentences.len();
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), count, "{sentences:?}");
        for fault in &faults {
            assert_ne!(told(fault, "Uni").status_code(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
