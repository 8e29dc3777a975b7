//! The question that nginx asks before every request to a server or a service, and the answer for those it may not let through.

pub mod auth;
pub mod fallback;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use hubgate_protocol::ServerId;

use crate::domain::decision::{Access, Decision, Question, decide};
use crate::domain::entity::ServiceName;
use crate::domain::path::{self, PathError, Place};
use crate::domain::scope::{Base, Owner, Target, Verdict};
use crate::extract::{self, Principal, header_text, names, question_traits};
use crate::state::entries::is_at_home;
use crate::state::{Directory, Hub};

/// What nginx asked about.
enum Asked {
    /// A user's server.
    Server(Decision, Option<Principal>),
    /// A service, which knows its visitors by itself.
    Service(ServiceName),
    /// Either of them, without the slash behind its name that relative links need.
    Unslashed,
}

/// Reads the question out of nginx's headers and decides it. A missing header is an empty one, and refused.
fn asked(hub: &Hub, request: &HttpRequest) -> Asked {
    let raw = header_text(request, &names::URI);
    let normalised = request
        .headers()
        .get(&names::NORMALIZED)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
        .unwrap_or_default();
    let directory = hub.directory();
    let base_url = &hub.config.base_url;
    let reads = matches!(header_text(request, &names::METHOD), "GET" | "HEAD");
    let server = match path::place(base_url, raw, normalised) {
        Ok(_) if reads && path::lacks_slash(base_url, raw) => return Asked::Unslashed,
        Ok(Place::Service(name)) => return Asked::Service(name),
        Ok(Place::User { owner, first }) => Ok(directory.server_at(&owner, first)),
        Err(error) => Err(error),
    };
    let (decision, principal) = decide_server(hub, &directory, server, request);
    Asked::Server(decision, principal)
}

/// What the credentials of somebody are worth who may use the server by their scopes.
fn worth(hub: &Hub, directory: &Directory, who: &Principal, server: &ServerId) -> Access {
    let held = if who.token.is_some() { Access::Token } else { Access::Cookie };
    let Owner::User(person) = &who.owner else { return held };
    if is_at_home(directory, person, server) {
        return held;
    }
    match held {
        _ if !hub.config.admin_access => Access::Denied,
        Access::Cookie if !hub.entries.holds(person, server) => Access::Unexplained,
        _ => held,
    }
}

fn decide_server(
    hub: &Hub,
    directory: &Arc<Directory>,
    server: Result<ServerId, PathError>,
    request: &HttpRequest,
) -> (Decision, Option<Principal>) {
    let principal = extract::principal(
        hub,
        header_text(request, &header::AUTHORIZATION),
        header_text(request, &header::COOKIE),
    );
    let access = |server: &ServerId| match &principal {
        None => Access::Nobody,
        Some(who) => {
            let verdict = who.scopes.check(&Base::AccessServers, &Target::Server(server), &**directory);
            if verdict == Verdict::Held { worth(hub, directory, who, server) } else { Access::Denied }
        }
    };
    let question = Question { server, traits: question_traits(request) };
    let decision = decide(question, access, |server| hub.servers.phase(server));
    (decision, principal)
}
