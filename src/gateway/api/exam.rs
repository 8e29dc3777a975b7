//! `/groups/NAME/exam`: until a time the servers of a group's members run as the exam says. hubgate's own.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use log::info;
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad};
use crate::api::limits::Whose;
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::stored;
use crate::domain::audit::{Action, Event};
use crate::domain::entity::GroupName;
use crate::domain::exam::{Exam, LONGEST_S};
use crate::domain::notice::{Announcement, Level};
use crate::domain::scope::Base;
use crate::domain::{time, timestamp};
use crate::extract::Caller;
use crate::state::audit::acting;
use crate::store::{limits as rows, notices};
use crate::words::{Language, Message};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/groups/{name}/exam",
        summary: "The exam of a group",
        scopes: &[Base::ReadGroups],
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(show),
    },
    Operation {
        method: Method::PUT,
        path: "/groups/{name}/exam",
        summary: "Begin an exam, or change it: servers of members are started anew as it says",
        scopes: &[Base::AdminGroups],
        query: &[],
        body: Some(BODY),
        responses: &[200, 400, 403, 404],
        route: || web::route().to(put),
    },
    Operation {
        method: Method::DELETE,
        path: "/groups/{name}/exam",
        summary: "End an exam now",
        scopes: &[Base::AdminGroups],
        query: &[],
        body: None,
        responses: &[204, 403, 404],
        route: || web::route().to(delete),
    },
];

const BODY: Fields = Fields {
    of: "exam",
    closed: true,
    fields: &[
        Field::new("until", Kind::Time).required(),
        Field::new("profile", Kind::Text).or_null(),
        Field::new("network", Kind::Boolean),
        Field::new("terminals", Kind::Boolean),
    ],
};

/// What somebody wants of an exam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// When it ends, seconds since 1970.
    pub until_s: i64,
    /// Name of the profile; empty: as each chooses.
    pub profile: String,
    /// Whether servers reach no network.
    pub offline: bool,
    /// Whether servers have no terminals.
    pub no_terminals: bool,
}

async fn show(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let group = group(&caller, Base::ReadGroups, &name).await?;
    let now_s = caller.hub.clock.now_s();
    match caller.hub.directory().exams().get(&group).filter(|exam| exam.holds(now_s)) {
        Some(exam) => Ok(answer::json(StatusCode::OK, &model(exam))),
        None => Err(none()),
    }
}

async fn put(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let group = group(&caller, Base::AdminGroups, &name).await?;
    let fields = body.object(&BODY)?.ok_or_else(|| bad("exam.until is missing"))?;
    let exam = begin(&caller, &group, read(&fields)?).await?;
    Ok(answer::json(StatusCode::OK, &model(&exam)))
}

async fn delete(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let group = group(&caller, Base::AdminGroups, &name).await?;
    end(&caller, &group).await?;
    Ok(answer::program(StatusCode::NO_CONTENT).finish())
}

/// The group that a path names, which exists, for a caller who holds this scope for it.
///
/// # Errors
/// As [`Whose::group`].
pub async fn group(caller: &Caller, scope: Base, name: &str) -> Result<GroupName, Failure> {
    match Whose::group(caller, scope, name).await? {
        Whose::Group(group) => Ok(group),
        Whose::User(_) => Err(none()),
    }
}

fn none() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, Message::new("exam-none"))
}

/// Begins an exam, or goes on with the one that is under way in another way: what runs is started anew. Members are told
/// first, by an announcement.
///
/// # Errors
/// 400 for a time that has passed or is more than a week away; 404 where the group has just gone; 503 when the database
/// fails.
pub async fn begin(caller: &Caller, group: &GroupName, wanted: Wanted) -> Result<Exam, Failure> {
    let (now_s, now_us) = (caller.hub.clock.now_s(), caller.hub.clock.now_us());
    if wanted.until_s <= now_s || wanted.until_s.saturating_sub(now_s) > LONGEST_S {
        return Err(bad(Message::new("exam-bad-until")));
    }
    let Wanted { until_s, profile, offline, no_terminals } = wanted;
    if !profile.is_empty() && caller.hub.config.profiles.named(&profile).is_none() {
        return Err(bad(Message::new("exam-bad-profile")));
    }
    let exam = Exam { profile, offline, no_terminals, begun_us: now_us, until_s };
    let (told, author) = (announcement(group, &exam), caller.name().to_owned());
    let (written, of) = (exam.clone(), group.clone());
    stored::write(&caller.hub, move |c| {
        notices::insert(c, &told, &author)?;
        rows::set_exam(c, &of, &written).map(Ok)
    })
    .await?;
    info!("exam begun group={group} until_s={until_s} by={}", caller.name());
    let event = Event::new(acting(), Action::Exam, group).with("state", "begun");
    caller.hub.audit(&event.with("exam", model(&exam)));
    Ok(exam)
}

/// Ends an exam now.
///
/// # Errors
/// 404 where there is none; 503 when the database fails.
pub async fn end(caller: &Caller, group: &GroupName) -> Result<(), Failure> {
    let (of, now_s) = (group.clone(), caller.hub.clock.now_s());
    let ended = stored::write(&caller.hub, move |c| rows::cut_exam(c, &of, now_s).map(Ok)).await?;
    if !ended {
        return Err(none());
    }
    info!("exam ended group={group} by={}", caller.name());
    caller.hub.audit(&Event::new(acting(), Action::Exam, group).with("state", "ended"));
    Ok(())
}

/// What members are told, in every language: an announcement is one text for all.
fn announcement(group: &GroupName, exam: &Exam) -> Announcement {
    let until = time::minute(exam.until_s.saturating_mul(1_000_000));
    let said = Message::new("exam-announcement").with("group", group).with("until", until);
    let texts = [Language::English, Language::Chinese].map(|language| said.in_language(language));
    Announcement {
        text: texts.join("\n"),
        level: Level::Warning,
        groups: [group.clone()].into(),
        starts_s: None,
        ends_s: Some(exam.until_s),
    }
}

fn read(fields: &Map<String, Value>) -> Result<Wanted, Failure> {
    let text = |key| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let allowed = |key| fields.get(key).and_then(Value::as_bool).unwrap_or(true);
    let until_us =
        timestamp::parse(text("until")).ok_or_else(|| bad("exam.until must be a time (ISO 8601)"))?;
    Ok(Wanted {
        until_s: until_us.div_euclid(1_000_000),
        profile: text("profile").to_owned(),
        offline: !allowed("network"),
        no_terminals: !allowed("terminals"),
    })
}

fn model(exam: &Exam) -> Value {
    json!({
        "profile": Some(&exam.profile).filter(|profile| !profile.is_empty()),
        "network": !exam.offline,
        "terminals": !exam.no_terminals,
        "begun": time::iso(exam.begun_us),
        "until": time::iso(exam.until_s.saturating_mul(1_000_000)),
    })
}
