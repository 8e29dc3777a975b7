//! New users by their names, from the administrators' page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use hubgate_protocol::LoginName;
use log::info;

use crate::answer::{self, Failure, Frame};
use crate::api::stored;
use crate::api::users::newcomer;
use crate::config::Authenticator;
use crate::domain::audit::{Action, Event};
use crate::domain::roster;
use crate::domain::scope::{Base, Target};
use crate::extract::{Caller, Posted, Proof};
use crate::pages::admin::act::{LinksPage, link};
use crate::state::audit::acting;
use crate::state::newcomers;
use crate::store::{NewUser, users};
use crate::words::Message;

/// Most names at once, so that the page with their links is one that a person reads.
const NAMES_MAX: usize = 100;

/// `POST /hub/admin/add`: the names of the field `names`, separated by white space; all of them or none.
pub async fn submit(_: Proof, posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let admin = posted.form.get("admin").is_some();
    let names = posted.form.get("names").unwrap_or_default();
    let links = add(&caller, &request, names, admin).await.map_err(told)?;
    if links.is_empty() {
        return Ok(answer::redirect(&posted.hub.url("/hub/admin")));
    }
    let frame = Frame::of(&posted.hub, &posted.session);
    Ok(answer::page(StatusCode::OK, &LinksPage { frame, tab: "users", links }))
}

/// Adds them; a link for each, where passwords are kept here.
async fn add(
    caller: &Caller,
    request: &HttpRequest,
    names: &str,
    admin: bool,
) -> Result<Vec<(String, String)>, Failure> {
    caller.require(&[Base::AdminUsers], &Target::Any)?;
    if admin && !caller.is_admin() {
        return Err(Failure::new(StatusCode::FORBIDDEN, Message::new("refuse-admin-grant")));
    }
    let logins = read(caller, names, admin)?;
    let created_s = caller.hub.clock.now_s();
    let new: Vec<NewUser> = logins.into_iter().map(|login| newcomer(login, admin, created_s)).collect();
    let added: Vec<_> = new.iter().map(|user| user.name.clone()).collect();
    stored::write(&caller.hub, move |c| {
        for user in &new {
            if users::by_name(c, &user.name)?.is_some() {
                let sentence = Message::new("add-exists").with("name", &user.name);
                return Ok(Err(Failure::new(StatusCode::CONFLICT, sentence)));
            }
        }
        users::insert_many(c, &new).map(Ok)
    })
    .await?;
    info!("users created={} by={}", added.len(), caller.name());
    for name in &added {
        caller.hub.audit(&Event::new(acting(), Action::UserAdded, name).with("admin", admin));
    }
    if caller.hub.config.authenticator != Authenticator::File {
        return Ok(Vec::new());
    }
    // Whether the newcomers administer is known by the directory from now on.
    let caller = Caller { directory: caller.hub.directory(), ..caller.clone() };
    let mut links = Vec::with_capacity(added.len());
    for name in &added {
        links.push(link(&caller, request, name).await?);
    }
    Ok(links)
}

/// The names, each one that a person may have.
fn read(caller: &Caller, names: &str, admin: bool) -> Result<Vec<LoginName>, Failure> {
    let wrong = |sentence: Message| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, sentence);
    // One a line, so that a name with a space is refused and not taken for two.
    let given: Vec<&str> = names.lines().filter(|line| !line.is_empty()).collect();
    if given.is_empty() || given.len() > NAMES_MAX {
        return Err(wrong(Message::new("add-count").with("most", NAMES_MAX)));
    }
    let taken = newcomers::taken();
    let mut logins: Vec<LoginName> = Vec::with_capacity(given.len());
    for (at, name) in (1..).zip(given) {
        let login = caller.hub.rules.login(name).filter(|login| login.as_str() == name);
        let login = login.ok_or_else(|| wrong(Message::new("add-no-name").with("line", at)))?;
        taken.parse(login.id().as_str(), admin).map_err(|error| {
            wrong(Message::new("add-bad-name").with("line", at).put("why", roster::not_given(error)))
        })?;
        if logins.contains(&login) {
            return Err(wrong(Message::new("add-twice").with("line", at)));
        }
        logins.push(login);
    }
    Ok(logins)
}
