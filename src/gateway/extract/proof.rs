//! A recent proof of who somebody is: what dangerous acts ask for beside the session.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::answer::Failure;
use crate::extract::posted::{foreign_form, not_logged_in};
use crate::extract::visitor::login_url;
use crate::extract::{Visitor, hub_traits};
use crate::state::renewal;

/// The visitor proved who they are within `reauthenticate_minutes`. Stands beside [`super::SignedIn`] or [`super::Posted`]
/// in a handler; whoever has not is asked to, and comes back to the page. A form is filled in anew then.
pub struct Proof;

impl FromRequest for Proof {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(
            Visitor::from_request(request, payload).into_inner().and_then(|visitor| proof(&visitor, request)),
        )
    }
}

fn proof(visitor: &Visitor, request: &HttpRequest) -> Result<Proof, Failure> {
    let (hub, traits) = (&visitor.hub, hub_traits(request));
    if traits.foreign() {
        return Err(visitor.failure(foreign_form()));
    }
    let page = match request.uri().path_and_query() {
        Some(whole) if traits.safe_method() => whole.as_str(),
        _ => page_of(&hub.config.base_url, request.path()),
    };
    match &visitor.session {
        Some(session) if renewal::is_fresh(hub, session) => Ok(Proof),
        Some(_) => Err(Failure::see(renewal::url(hub, page))),
        None if traits.safe_method() => Err(Failure::see(login_url(hub, page))),
        None => Err(visitor.failure(not_logged_in())),
    }
}

/// The page that a form was sent from: forms are sent to its own address or below.
fn page_of<'p>(base_url: &str, path: &'p str) -> &'p str {
    let hub = base_url.len() + "/hub/".len();
    let end = path.get(hub..).and_then(|below| below.find('/')).map_or(path.len(), |at| hub + at);
    path.get(..end).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::page_of;

    #[test]
    fn a_form_leads_back_to_the_page_it_stands_on() {
        for (path, page) in [
            ("/jupyterhub/hub/token", "/jupyterhub/hub/token"),
            ("/jupyterhub/hub/factors/remove", "/jupyterhub/hub/factors"),
            ("/jupyterhub/hub/admin/users/ada/reset", "/jupyterhub/hub/admin"),
            ("/jupyterhub/hub/", "/jupyterhub/hub/"),
        ] {
            assert_eq!(page_of("/jupyterhub", path), page);
        }
    }
}
