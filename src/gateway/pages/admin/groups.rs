//! Groups: all of them, and one with its members and properties. What the API allows, for the same scopes.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use log::info;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::administrator;
use super::limits::{ExamForm, Faults, LimitsForm, saved};
use crate::answer::{self, Failure, Frame};
use crate::api::group;
use crate::api::group_model::named;
use crate::api::groups::{insert, listed};
use crate::api::limits::Whose;
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::entity::GroupName;
use crate::domain::query::Query;
use crate::domain::scope::{Base, Target};
use crate::extract::posted::PostedList;
use crate::extract::{Caller, Posted, Proof, SignedIn};
use crate::store::groups;
use crate::words::Message;

/// Groups, and members of a group, on a page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "admin_groups.html")]
struct GroupsPage {
    frame: Frame,
    tab: &'static str,
    filter: String,
    groups: Vec<Line>,
    place: Place,
    may_create: bool,
}

/// One group.
struct Line {
    name: String,
    /// Path of its page.
    path: String,
    members: usize,
    roles: Vec<String>,
}

/// Which part of a list a page shows.
struct Place {
    first: usize,
    last: usize,
    total: usize,
    before: Option<String>,
    behind: Option<String>,
}

impl Place {
    fn of(query: &Query, total: usize) -> (Self, usize) {
        let offset = query.get("offset").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
        let last = offset.saturating_add(PAGE).min(total);
        let to = |at: usize| query.with_text(&[("offset", &at.to_string())]);
        let place = Self {
            first: if offset < total { offset.saturating_add(1) } else { 0 },
            last: if offset < total { last } else { 0 },
            total,
            before: (offset > 0).then(|| to(offset.saturating_sub(PAGE))),
            behind: (last < total && offset < total).then(|| to(last)),
        };
        (place, offset)
    }
}

#[derive(Template)]
#[template(path = "admin_group.html")]
struct GroupPage {
    frame: Frame,
    tab: &'static str,
    name: String,
    path: String,
    members: Vec<String>,
    place: Place,
    roles: Vec<String>,
    properties: String,
    /// What members may use, and their exam, for whoever may change it.
    limits: Option<LimitsForm>,
    exam: Option<ExamForm>,
    /// What has just been saved.
    saved: Option<Message>,
    may_change: bool,
    may_delete: bool,
}

#[derive(Template)]
#[template(path = "admin_group_delete.html")]
struct DeletePage {
    frame: Frame,
    tab: &'static str,
    name: String,
    path: String,
    members: usize,
}

fn path(name: &GroupName) -> String {
    format!("/hub/admin/group/{}", utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC))
}

fn roles(caller: &Caller, name: &GroupName) -> Vec<String> {
    caller.directory.roles_of_group(name).into_iter().map(str::to_owned).collect()
}

/// `GET /hub/admin/groups?filter=PART&offset=N`.
pub async fn list(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    let told = |failure| person.failure(failure);
    let only = listed(&caller).map_err(told)?;
    let query = Query::parse(request.query_string());
    let filter = query.get("filter").unwrap_or_default().to_owned();
    let (mut found, _) = stored::read(&person.hub, move |c| groups::list(c, only.as_ref(), 0, i64::MAX))
        .await
        .map_err(told)?;
    let wanted = filter.to_lowercase();
    found.retain(|group| group.name.as_str().to_lowercase().contains(&wanted));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let (place, offset) = Place::of(&query, found.len());
    let line = |group: &groups::Group| Line {
        path: path(&group.name),
        members: caller.directory.members(&group.name).len(),
        roles: roles(&caller, &group.name),
        name: group.name.to_string(),
    };
    let page = GroupsPage {
        frame: person.frame(),
        tab: "groups",
        filter,
        groups: found.iter().skip(offset).take(PAGE).map(line).collect(),
        place,
        may_create: caller.may(&Base::AdminGroups, &Target::Any),
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `POST /hub/admin/groups`: makes the group of the field `name`.
pub async fn create(_: Proof, posted: PostedList) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    caller.require(&[Base::AdminGroups], &Target::Any).map_err(told)?;
    let name = posted.get("name").unwrap_or_default().trim().parse::<GroupName>();
    let wrong = |_| told(Failure::new(StatusCode::BAD_REQUEST, Message::new("groups-bad-name")));
    let name = name.map_err(wrong)?;
    let wanted = name.clone();
    stored::write(&posted.hub, move |c| insert(c, &[wanted], &[])).await.map_err(told)?;
    info!("group created={name} by={}", caller.name());
    let made = json!({ "made": true });
    audited(&posted.hub, Action::GroupChanged, name.as_str(), made).await.map_err(told)?;
    Ok(answer::redirect(&posted.hub.url(&path(&name))))
}

/// `GET /hub/admin/group/NAME?offset=N`.
pub async fn show(
    person: SignedIn,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    let told = |failure| person.failure(failure);
    let group = group::read(&caller, &name).await.map_err(told)?;
    let page = page(&caller, person.frame(), &group, &Query::parse(request.query_string()));
    Ok(answer::page(StatusCode::OK, &GroupPage { saved: saved(&request), ..page }))
}

/// The page with limits that were sent, and what is wrong with them.
///
/// # Errors
/// When the group is gone.
pub async fn refused(
    caller: &Caller,
    posted: &Posted,
    name: &str,
    faults: &Faults,
) -> Result<HttpResponse, Failure> {
    let group = group::read(caller, name).await?;
    let page = page(caller, Frame::of(&posted.hub, &posted.session), &group, &Query::parse(""));
    let limits = page.limits.map(|limits| limits.refused(&posted.form, faults));
    Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &GroupPage { limits, ..page }))
}

fn page(caller: &Caller, frame: Frame, group: &groups::Group, query: &Query) -> GroupPage {
    let members = caller.directory.members(&group.name);
    let (place, offset) = Place::of(query, members.len());
    let may = |base| caller.may(&base, &Target::Group(&group.name));
    let (shown, governs) = (may(Base::ReadGroups), may(Base::AdminGroups));
    GroupPage {
        limits: governs.then(|| LimitsForm::of(&caller.hub, &frame, &Whose::Group(group.name.clone()))),
        exam: governs.then(|| ExamForm::of(&caller.hub, &group.name)),
        saved: None,
        frame,
        tab: "groups",
        path: path(&group.name),
        members: members.iter().filter(|_| shown).skip(offset).take(PAGE).map(ToString::to_string).collect(),
        place,
        roles: roles(caller, &group.name),
        properties: if shown { Value::Object(group.properties.clone()).to_string() } else { String::new() },
        may_change: may(Base::Groups),
        may_delete: may(Base::DeleteGroups),
        name: group.name.to_string(),
    }
}

/// `POST /hub/admin/group/NAME`: the field `act` says what: `add` with `users`, one a line; `remove` with `user` for each;
/// `describe` with `properties`, a JSON object; `delete`, which asks; `delete-now`.
pub async fn act(_: Proof, posted: PostedList, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let group = match posted.get("act").unwrap_or_default() {
        "delete" => {
            let name = named(&caller, &[Base::DeleteGroups], &name).map_err(told)?;
            let members = caller.directory.members(&name).len();
            let frame = Frame::of(&posted.hub, &posted.session);
            let page =
                DeletePage { frame, tab: "groups", path: path(&name), name: name.to_string(), members };
            return Ok(answer::page(StatusCode::OK, &page));
        }
        "delete-now" => {
            group::end(&caller, &name).await.map_err(told)?;
            return Ok(answer::redirect(&posted.hub.url("/hub/admin/groups")));
        }
        "add" => {
            let lines = posted.get("users").unwrap_or_default().lines();
            let users = lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
            group::enrol(&caller, &name, users, true).await
        }
        "remove" => {
            let users = posted.all("user").map(str::to_owned).collect();
            group::enrol(&caller, &name, users, false).await
        }
        "describe" => match serde_json::from_str(posted.get("properties").unwrap_or_default()) {
            Ok(properties) => group::describe(&caller, &name, properties).await,
            Err(_) => Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("groups-bad-properties"))),
        },
        _ => Err(Failure::new(StatusCode::BAD_REQUEST, Message::new("people-no-act"))),
    };
    Ok(answer::redirect(&posted.hub.url(&path(&group.map_err(told)?.name))))
}
