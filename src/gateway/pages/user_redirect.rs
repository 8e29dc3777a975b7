//! Links that mean "the server of whoever clicks": courses and repositories share them.

use actix_web::{HttpRequest, HttpResponse};

use crate::answer;
use crate::domain::next;
use crate::extract::SignedIn;

/// `GET /hub/user-redirect/PATH?QUERY`: to that path of one's own server, by way of the spawn page, which forwards at once
/// where the server runs.
pub async fn forward(person: SignedIn, request: HttpRequest) -> HttpResponse {
    let hub = &person.hub;
    let prefix = hub.url("/hub/user-redirect");
    // As it was sent: what is escaped in the link stays escaped.
    let asked = request.uri().path_and_query().map_or("", |path| path.as_str());
    let rest = asked.strip_prefix(&prefix).unwrap_or_default().trim_start_matches('/');
    let own = hub.first_server(&person.session.user);
    let next = format!("{}{rest}", hub.server_path(&own));
    let next = next::in_query(&next);
    answer::redirect(&hub.url(&format!("/hub/spawn/{}?next={next}", own.segments())))
}
