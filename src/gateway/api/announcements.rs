//! `/announcements`: what administrators tell people. One for groups needs the scope `groups` for each of them, one for
//! everybody needs it for all groups: whoever may change who is in a group may also speak to it.

use std::collections::BTreeSet;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use log::info;
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, checked, texts};
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::stored;
use crate::domain::audit::{Action, Event};
use crate::domain::entity::GroupName;
use crate::domain::notice::{Announcement, AnnouncementError, Level, Notice, Stage};
use crate::domain::scope::{Base, Target};
use crate::domain::{time, timestamp};
use crate::extract::Caller;
use crate::state::audit::acting;
use crate::store::{groups, notices};
use crate::words::Message;

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/announcements",
        summary: "Announcements that the caller may change, the newest first",
        scopes: &[Base::Groups],
        query: &[],
        body: None,
        responses: &[200, 403],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::POST,
        path: "/announcements",
        summary: "Announce something: at once or from a time on, to everybody or to groups",
        scopes: &[Base::Groups],
        query: &[],
        body: Some(NEW),
        responses: &[201, 400, 403, 404],
        route: || web::route().to(create),
    },
    Operation {
        method: Method::PATCH,
        path: "/announcements/{id}",
        summary: "Change an announcement, or end it by its ends_at",
        scopes: &[Base::Groups],
        query: &[],
        body: Some(CHANGE),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(patch),
    },
    Operation {
        method: Method::DELETE,
        path: "/announcements/{id}",
        summary: "Delete an announcement",
        scopes: &[Base::Groups],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(delete),
    },
];

const TEXT: Field = Field::new("text", Kind::Text);
const LEVEL: Field = Field::new("level", Kind::Word(Level::WORDS));
const GROUPS: Field = Field::new("groups", Kind::Texts);
const STARTS: Field = Field::new("starts_at", Kind::Time).or_null();
const ENDS: Field = Field::new("ends_at", Kind::Time).or_null();

const NEW: Fields =
    Fields { of: "announcement", closed: true, fields: &[TEXT.required(), LEVEL, GROUPS, STARTS, ENDS] };
const CHANGE: Fields =
    Fields { of: "announcement", closed: true, fields: &[TEXT, LEVEL, GROUPS, STARTS, ENDS] };

async fn list(caller: Caller) -> Result<HttpResponse, Failure> {
    caller.require_some(&[Base::Groups])?;
    let models: Vec<_> = own(&caller).iter().map(|notice| model(&caller, notice)).collect();
    Ok(answer::json(StatusCode::OK, &models))
}

async fn create(caller: Caller, body: Body) -> Result<HttpResponse, Failure> {
    caller.require_some(&[Base::Groups])?;
    let fields = checked(body.json()?.unwrap_or_default(), &NEW)?;
    let notice = add(&caller, filled(Announcement::default(), &fields)?).await?;
    Ok(answer::json(StatusCode::CREATED, &model(&caller, &notice)))
}

async fn patch(caller: Caller, id: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let before = found(&caller, &id)?;
    let fields = checked(body.json()?.unwrap_or_default(), &CHANGE)?;
    let notice = change(&caller, &before, filled(before.said.clone(), &fields)?).await?;
    Ok(answer::json(StatusCode::OK, &model(&caller, &notice)))
}

async fn delete(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, Failure> {
    let notice = found(&caller, &id)?;
    remove(&caller, &notice).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// The announcements that the caller may change, the newest first.
#[must_use]
pub fn own(caller: &Caller) -> Vec<Notice> {
    let all = caller.hub.notices.all();
    all.iter().filter(|notice| may(caller, &notice.said)).map(|notice| (**notice).clone()).collect()
}

/// The announcement of that id, if the caller may change it.
///
/// # Errors
/// 403 for a caller who may change none; 404 otherwise.
pub fn found(caller: &Caller, id: &str) -> Result<Notice, Failure> {
    caller.require_some(&[Base::Groups])?;
    let wanted = id.parse::<i64>().ok();
    own(caller).into_iter().find(|notice| Some(notice.id) == wanted).ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, Message::new("announcement-absent"))
            .remedy(Message::new("announcement-absent-remedy"))
    })
}

/// Announces something.
///
/// # Errors
/// 400 for what cannot be announced, 403 and 404 for groups that are not the caller's.
pub async fn add(caller: &Caller, said: Announcement) -> Result<Notice, Failure> {
    let said = admitted(caller, said)?;
    let author = caller.name().to_owned();
    let notice = stored::write(&caller.hub, move |c| {
        for group in &said.groups {
            if groups::by_name(c, group)?.is_none() {
                return Ok(Err(no_group(group)));
            }
        }
        notices::insert(c, &said, &author).map(Ok)
    })
    .await?;
    noted(caller, &notice, "added");
    Ok(notice)
}

/// Puts something else in the place of what was announced.
///
/// # Errors
/// As [`add`].
pub async fn change(caller: &Caller, before: &Notice, said: Announcement) -> Result<Notice, Failure> {
    let notice = Notice { said: admitted(caller, said)?, ..before.clone() };
    let written = notice.clone();
    // A group that has gone since may stay named: nobody is in it.
    let known = before.said.groups.clone();
    stored::write(&caller.hub, move |c| {
        for group in written.said.groups.difference(&known) {
            if groups::by_name(c, group)?.is_none() {
                return Ok(Err(no_group(group)));
            }
        }
        notices::change(c, written.id, &written.said).map(Ok)
    })
    .await?;
    noted(caller, &notice, "changed");
    Ok(notice)
}

/// Removes an announcement.
///
/// # Errors
/// 503 when the database cannot.
pub async fn remove(caller: &Caller, notice: &Notice) -> Result<(), Failure> {
    let id = notice.id;
    stored::write(&caller.hub, move |c| notices::delete(c, id).map(Ok)).await?;
    noted(caller, notice, "deleted");
    Ok(())
}

fn noted(caller: &Caller, notice: &Notice, what: &str) {
    info!("announcement {what}={} by={}", notice.id, caller.name());
    let groups: Vec<&str> = notice.said.groups.iter().map(GroupName::as_str).collect();
    let event = Event::new(acting(), Action::Announcement, notice.id);
    caller
        .hub
        .audit(&event.with("what", what).with("text", notice.said.text.as_str()).with("groups", groups));
}

/// Whether the caller may speak to those whom this is for.
fn may(caller: &Caller, said: &Announcement) -> bool {
    let to = |group| caller.may(&Base::Groups, &Target::Group(group));
    if said.groups.is_empty() { caller.may(&Base::Groups, &Target::Any) } else { said.groups.iter().all(to) }
}

fn admitted(caller: &Caller, said: Announcement) -> Result<Announcement, Failure> {
    if said.groups.is_empty() && !caller.may(&Base::Groups, &Target::Any) {
        return Err(Failure::new(StatusCode::FORBIDDEN, Message::new("announcement-everybody"))
            .remedy(Message::new("announcement-everybody-remedy")));
    }
    if let Some(group) = said.groups.iter().find(|group| !caller.may(&Base::Groups, &Target::Group(group))) {
        return Err(no_group(group));
    }
    said.checked().map_err(|error| {
        let key = match error {
            AnnouncementError::Text => "announcement-bad-text",
            AnnouncementError::Groups => "announcement-bad-groups",
            AnnouncementError::Times => "announcement-bad-times",
        };
        bad(Message::new(key))
    })
}

/// The same whether the group is not there or not the caller's.
fn no_group(group: &GroupName) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, Message::new("announcement-no-group").with("group", group))
}

fn filled(mut said: Announcement, fields: &Map<String, Value>) -> Result<Announcement, Failure> {
    let text = |name| fields.get(name).and_then(Value::as_str);
    if let Some(given) = text("text") {
        given.clone_into(&mut said.text);
    }
    if let Some(level) = text("level").and_then(Level::of_word) {
        said.level = level;
    }
    if let Some(names) = texts(fields.get("groups")) {
        said.groups = names
            .into_iter()
            .map(|name| name.parse().map_err(|error| bad(format!("announcement.groups: {error}"))))
            .collect::<Result<BTreeSet<_>, _>>()?;
    }
    if let Some(given) = fields.get("starts_at") {
        said.starts_s = moment("starts_at", given)?;
    }
    if let Some(given) = fields.get("ends_at") {
        said.ends_s = moment("ends_at", given)?;
    }
    Ok(said)
}

fn moment(name: &str, value: &Value) -> Result<Option<i64>, Failure> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let at_us = timestamp::parse(text);
    at_us.map(|at_us| Some(at_us.div_euclid(1_000_000))).ok_or_else(|| {
        bad(format!("announcement.{name} must be a time as ISO 8601 has it, like 2027-01-31T08:00:00Z"))
    })
}

fn model(caller: &Caller, notice: &Notice) -> Value {
    let at = |at_s: Option<i64>| at_s.map(|at_s| time::iso(at_s.saturating_mul(1_000_000)));
    let stage = match notice.said.stage(caller.hub.clock.now_s()) {
        Stage::Coming => "coming",
        Stage::Shown => "shown",
        Stage::Over => "over",
    };
    json!({
        "id": notice.id,
        "text": notice.said.text,
        "level": notice.said.level.word(),
        "groups": notice.said.groups,
        "starts_at": at(notice.said.starts_s),
        "ends_at": at(notice.said.ends_s),
        "author": notice.author,
        "stage": stage,
    })
}
