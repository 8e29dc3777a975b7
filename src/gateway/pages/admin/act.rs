//! What an administrator does about one user.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::Username;
use log::info;
use serde_json::{Value, json};

use crate::answer::{self, Failure, Frame};
use crate::api::stored;
use crate::api::user::{alter, end};
use crate::config::Authenticator;
use crate::domain::audit::{Action, Event};
use crate::domain::scope::{Base, Target};
use crate::extract::{Caller, Posted, Proof, site_of};
use crate::state::audit::acting;
use crate::state::{blocking, factors, links};
use crate::store::links::{self as rows, Purpose};
use crate::store::users;
use crate::words::Message;

#[derive(Template)]
#[template(path = "admin_delete.html")]
struct DeletePage<'a> {
    frame: Frame,
    tab: &'static str,
    name: &'a str,
}

/// A page that shows one-time links, this once.
#[derive(Template)]
#[template(path = "admin_links.html")]
pub(super) struct LinksPage {
    pub(super) frame: Frame,
    pub(super) tab: &'static str,
    /// User and address.
    pub(super) links: Vec<(String, String)>,
}

/// `POST /hub/admin/users/NAME`: the field `act` says what.
pub async fn submit(
    _: Proof,
    posted: Posted,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let frame = Frame::of(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let fields = match posted.form.get("act").unwrap_or_default() {
        "appoint" => json!({ "admin": true }),
        "dismiss" => json!({ "admin": false }),
        "disable" => json!({ "disabled": true }),
        "enable" => json!({ "disabled": false }),
        "expire" => json!({ "expires_at": day(posted.form.get("expires").unwrap_or_default()) }),
        "reset" => {
            let link = reset(&caller, &request, &name).await.map_err(told)?;
            return Ok(answer::page(StatusCode::OK, &LinksPage { frame, tab: "users", links: vec![link] }));
        }
        "reset-factor" => {
            let user = reset_factor(&caller, &name).await.map_err(told)?;
            return Ok(answer::redirect(&posted.hub.url(&format!("/hub/admin/user/{user}"))));
        }
        "delete" => {
            caller.user(&[Base::DeleteUsers], &name).map_err(told)?;
            return Ok(answer::page(StatusCode::OK, &DeletePage { frame, tab: "users", name: &name }));
        }
        "delete-now" => {
            end(&caller, &name).await.map_err(told)?;
            return Ok(answer::redirect(&posted.hub.url("/hub/admin")));
        }
        _ => return Err(told(Failure::new(StatusCode::BAD_REQUEST, Message::new("people-no-act")))),
    };
    let (user, _) = alter(&caller, &name, fields).await.map_err(told)?;
    Ok(answer::redirect(&posted.hub.url(&format!("/hub/admin/user/{}", user.name))))
}

/// The day of a form; none for no end.
fn day(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Takes the second factors of somebody who has lost theirs.
async fn reset_factor(caller: &Caller, name: &str) -> Result<Username, Failure> {
    let user = caller.user(&[Base::AdminUsers], name)?;
    below(caller, &user)?;
    factors::reset(&caller.hub, &user).await.map_err(|error| stored::told(&error))?;
    info!("second factors reset user={user} by={}", caller.name());
    Ok(user)
}

/// Refuses somebody who does not administer the hub and would act on somebody who does.
fn below(caller: &Caller, user: &Username) -> Result<(), Failure> {
    if caller.directory.is_admin(user) && !caller.is_admin() {
        return Err(Failure::new(StatusCode::FORBIDDEN, Message::new("refuse-admin-change")));
    }
    Ok(())
}

/// A link by which a user chooses a password: their name and its address.
async fn reset(caller: &Caller, request: &HttpRequest, name: &str) -> Result<(String, String), Failure> {
    let user = caller.user(&[Base::AdminUsers], name)?;
    let link = link(caller, request, &user).await?;
    info!("one-time link user={user} by={}", caller.name());
    Ok(link)
}

/// A new link for a user, for an administrator who may change that user.
///
/// # Errors
/// 403 where the user is an administrator and the caller is none; 404 where passwords are not kept here.
pub(super) async fn link(
    caller: &Caller,
    request: &HttpRequest,
    user: &Username,
) -> Result<(String, String), Failure> {
    let hub = &caller.hub;
    caller.require(&[Base::AdminUsers], &Target::User(user))?;
    below(caller, user)?;
    if hub.config.authenticator != Authenticator::File {
        return Err(Failure::new(StatusCode::NOT_FOUND, Message::new("refuse-no-passwords")));
    }
    let (store, name, now_s) = (hub.store.clone(), user.clone(), hub.clock.now_s());
    let made = blocking(move || {
        store.write(|c| {
            let id = users::id_of(c, &name)?;
            let Ok((secret, new)) = links::fresh(Purpose::Password, Some(id), now_s) else { return Ok(None) };
            rows::insert(c, &new)?;
            Ok(Some(secret))
        })
    });
    let secret = match made.await {
        Ok(Some(secret)) => secret,
        Ok(None) => return Err(Failure::unavailable()),
        Err(error) => return Err(stored::told(&error)),
    };
    hub.audit(&Event::new(acting(), Action::LinkMade, user));
    let site = site_of(hub, request);
    Ok((user.to_string(), links::address(&hub.config, &site, Purpose::Password, &secret)))
}
