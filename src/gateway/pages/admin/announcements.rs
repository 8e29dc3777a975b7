//! `/hub/admin/announcements`: what is announced, and to whom. Rights are those of the API.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::answer::{self, Failure, Frame};
use crate::api::announcements::{add, change, found, own, remove};
use crate::api::body::bad;
use crate::domain::entity::GroupName;
use crate::domain::form::Form;
use crate::domain::notice::{Announcement, Level, Notice, Stage};
use crate::domain::scope::{Base, Target};
use crate::domain::{time, timestamp};
use crate::extract::{Caller, Posted, SignedIn};
use crate::pages::admin::administrator;
use crate::words::Message;

#[derive(Template)]
#[template(path = "admin_announcements.html")]
struct AnnouncementsPage {
    frame: Frame,
    tab: &'static str,
    lines: Vec<Line>,
    /// Whether one may speak to somebody.
    may: bool,
    /// Whether one may speak to everybody.
    everybody: bool,
}

/// One announcement.
struct Line {
    notice: Notice,
    warning: bool,
    over: bool,
    coming: bool,
    /// One a line.
    groups: String,
    /// `2027-01-31T08:00`, in UTC; empty for none.
    starts: String,
    ends: String,
}

impl Line {
    fn of(notice: Notice, now_s: i64) -> Self {
        let (said, stage) = (&notice.said, notice.said.stage(now_s));
        let minute = |at_s: Option<i64>| {
            let iso = at_s.map(|at_s| time::iso(at_s.saturating_mul(1_000_000))).unwrap_or_default();
            iso.chars().take("2027-01-31T08:00".len()).collect()
        };
        let groups: Vec<&str> = said.groups.iter().map(GroupName::as_str).collect();
        Self {
            warning: said.level == Level::Warning,
            over: stage == Stage::Over,
            coming: stage == Stage::Coming,
            groups: groups.join("\n"),
            starts: minute(said.starts_s),
            ends: minute(said.ends_s),
            notice,
        }
    }
}

/// `GET /hub/admin/announcements`.
pub async fn list(person: SignedIn) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    let now_s = person.hub.clock.now_s();
    let page = AnnouncementsPage {
        frame: person.frame(),
        tab: "announcements",
        lines: own(&caller).into_iter().map(|notice| Line::of(notice, now_s)).collect(),
        may: caller.scopes.holds(&Base::Groups),
        everybody: caller.may(&Base::Groups, &Target::Any),
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `POST /hub/admin/announcements`: a new one.
pub async fn create(posted: Posted) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    caller.require_some(&[Base::Groups]).map_err(told)?;
    let said = read(&posted.form).map_err(told)?;
    add(&caller, said).await.map_err(told)?;
    Ok(back(&posted))
}

/// `POST /hub/admin/announcements/ID`: the field `act` says what.
pub async fn act(posted: Posted, id: web::Path<String>) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let told = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let notice = found(&caller, &id).map_err(told)?;
    let said = match posted.form.get("act").unwrap_or_default() {
        "change" => read(&posted.form).map_err(told)?,
        "end" => ended(&notice.said, posted.hub.clock.now_s()),
        "again" => Announcement { starts_s: None, ends_s: None, ..notice.said.clone() },
        "delete" => {
            remove(&caller, &notice).await.map_err(told)?;
            return Ok(back(&posted));
        }
        _ => return Err(told(bad(Message::new("announcement-no-act")))),
    };
    change(&caller, &notice, said).await.map_err(told)?;
    Ok(back(&posted))
}

/// Ended now; one that has not begun never does.
fn ended(said: &Announcement, now_s: i64) -> Announcement {
    let starts_s = said.starts_s.filter(|starts_s| *starts_s < now_s);
    Announcement { starts_s, ends_s: Some(now_s), ..said.clone() }
}

fn back(posted: &Posted) -> HttpResponse {
    answer::redirect(&posted.hub.url("/hub/admin/announcements"))
}

fn read(form: &Form) -> Result<Announcement, Failure> {
    let text = |name| form.get(name).unwrap_or_default().trim();
    let groups = text("groups").lines().map(str::trim).filter(|name| !name.is_empty());
    let groups: BTreeSet<GroupName> = groups
        .map(|name| name.parse().map_err(|_| bad(Message::new("announcement-bad-group"))))
        .collect::<Result<_, _>>()?;
    Ok(Announcement {
        text: text("text").to_owned(),
        level: Level::of_word(text("level")).unwrap_or_default(),
        groups,
        starts_s: moment(text("starts"))?,
        ends_s: moment(text("ends"))?,
    })
}

fn moment(text: &str) -> Result<Option<i64>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let at_us = timestamp::parse(text).ok_or_else(|| bad(Message::new("announcement-bad-time")))?;
    Ok(Some(at_us.div_euclid(1_000_000)))
}
