//! One act upon many users: asked first, with the names of all whom it hits; then done, each by the rules of the API.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use futures_util::{StreamExt, stream};
use hubgate_protocol::{Phase, ServerId, Username};
use log::info;
use serde_json::json;

use crate::answer::{self, Failure, Frame};
use crate::api::group;
use crate::api::user::{alter, end, found};
use crate::domain::scope::{Base, Target};
use crate::extract::posted::PostedList;
use crate::extract::{Caller, Proof};
use crate::pages::spawn::told;
use crate::state::starts::{self, StartOptions};
use crate::words::{Language, Message};

/// Starts and stops that are asked for at the same time.
const AT_ONCE: usize = 8;

/// What can be done to many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Start,
    Stop,
    Enable,
    Disable,
    Join,
    Leave,
    Delete,
}

impl Act {
    const ALL: [(&'static str, Self); 7] = [
        ("start", Self::Start),
        ("stop", Self::Stop),
        ("enable", Self::Enable),
        ("disable", Self::Disable),
        ("join", Self::Join),
        ("leave", Self::Leave),
        ("delete", Self::Delete),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, act)| *act)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, act)| *act == self).map_or("", |(name, _)| name)
    }

    /// Its name as a button, the question before it, what it does, and what is said afterwards.
    fn keys(self) -> [&'static str; 4] {
        match self {
            Self::Start => ["people-start", "people-start-ask", "people-start-does", "people-start-done"],
            Self::Stop => ["people-stop", "people-stop-ask", "people-stop-does", "people-stop-done"],
            Self::Enable => {
                ["people-enable", "people-enable-ask", "people-enable-does", "people-enable-done"]
            }
            Self::Disable => {
                ["people-disable", "people-disable-ask", "people-disable-does", "people-disable-done"]
            }
            Self::Join => ["people-join", "people-join-ask", "people-join-does", "people-join-done"],
            Self::Leave => ["people-leave", "people-leave-ask", "people-leave-does", "people-leave-done"],
            Self::Delete => {
                ["people-delete", "people-delete-ask", "people-delete-does", "people-delete-done"]
            }
        }
    }

    /// What takes it back.
    fn back(self) -> Option<Self> {
        match self {
            Self::Enable => Some(Self::Disable),
            Self::Disable => Some(Self::Enable),
            Self::Join => Some(Self::Leave),
            Self::Leave => Some(Self::Join),
            Self::Start | Self::Stop | Self::Delete => None,
        }
    }

    /// The scope that it needs for each user; that of groups is needed for the group.
    fn scope(self) -> Base {
        match self {
            Self::Start => Base::StartServers,
            Self::Stop => Base::DeleteServers,
            Self::Enable | Self::Disable => Base::AdminUsers,
            Self::Join | Self::Leave => Base::ListUsers,
            Self::Delete => Base::DeleteUsers,
        }
    }
}

#[derive(Template)]
#[template(path = "admin_many.html")]
struct ManyPage {
    frame: Frame,
    tab: &'static str,
    act: &'static str,
    /// Its name as a button.
    button: &'static str,
    question: String,
    does: String,
    group: String,
    users: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin_done.html")]
struct DonePage {
    frame: Frame,
    tab: &'static str,
    said: String,
    /// Who is not as before.
    changed: Vec<String>,
    /// Who was left as they were, and why.
    left: Vec<(String, String)>,
    left_said: String,
    /// The act that takes it back.
    back: Option<&'static str>,
    group: String,
}

/// `POST /hub/admin/many`: the field `act` says what, `user` comes once for each; `sure` that it was asked.
pub async fn submit(_: Proof, posted: PostedList) -> Result<HttpResponse, Failure> {
    let caller = Caller::of_session(&posted.hub, &posted.session);
    let frame = Frame::of(&posted.hub, &posted.session);
    let page = |failure: Failure| failure.as_page(true, &posted.hub.config);
    let wrong = |key| page(Failure::new(StatusCode::BAD_REQUEST, Message::new(key)));
    super::administers(&caller).map_err(page)?;
    let act = posted.get("act").and_then(Act::named).ok_or_else(|| wrong("people-no-act"))?;
    let mut users = BTreeSet::new();
    for name in posted.all("user") {
        users.insert(caller.user(&[Base::ListUsers], name).map_err(page)?);
    }
    if users.is_empty() {
        return Err(wrong("people-nobody"));
    }
    for user in &users {
        caller.require(&[act.scope()], &Target::User(user)).map_err(page)?;
    }
    let group = posted.get("group").unwrap_or_default().trim().to_owned();
    if matches!(act, Act::Join | Act::Leave) {
        group::found(&caller, &group).await.map_err(page)?;
    }
    if posted.get("sure").is_none() {
        return Ok(answer::page(StatusCode::OK, &question(frame, act, group, users)));
    }
    let Outcome { done, changed, left } =
        carry_out(&caller, act, users, &group, frame.telling.language).await;
    info!("many act={} users={done} changed={} by={}", act.name(), changed.len(), caller.name());
    let back = act.back().filter(|_| !changed.is_empty()).map(Act::name);
    let [.., said] = act.keys();
    let (said, left_said) = (counted(&frame, said, done), counted(&frame, "people-left", left.len()));
    Ok(answer::page(
        StatusCode::OK,
        &DonePage { frame, tab: "users", said, changed, left, left_said, back, group },
    ))
}

/// What became of an act.
#[derive(Default)]
struct Outcome {
    /// How many are as they should be.
    done: usize,
    /// Who of them was not so before: whom an undo is about.
    changed: Vec<String>,
    /// Who was left as they were, and why.
    left: Vec<(String, String)>,
}

fn question(frame: Frame, act: Act, group: String, users: BTreeSet<Username>) -> ManyPage {
    let [button, question, does, _] = act.keys();
    ManyPage {
        question: counted(&frame, question, users.len()),
        does: frame.put(does, "group", &group),
        frame,
        tab: "users",
        act: act.name(),
        button,
        group,
        users: users.iter().map(ToString::to_string).collect(),
    }
}

fn counted(frame: &Frame, key: &'static str, number: usize) -> String {
    frame.count(key, u64::try_from(number).unwrap_or(u64::MAX))
}

/// Does it to each.
async fn carry_out(
    caller: &Caller,
    act: Act,
    users: BTreeSet<Username>,
    group: &str,
    language: Language,
) -> Outcome {
    let each = stream::iter(users).map(|user| async move {
        let changes = changes(caller, act, &user, group).await;
        let done = one(caller, act, &user, group).await.and(changes);
        (user.to_string(), done)
    });
    let all: Vec<(String, Result<bool, Failure>)> = each.buffered(AT_ONCE).collect().await;
    let mut outcome = Outcome::default();
    for (user, result) in all {
        match result {
            Ok(changed) => {
                outcome.done = outcome.done.saturating_add(1);
                outcome.changed.extend(changed.then_some(user));
            }
            Err(failure) => outcome.left.push((user, reason(&failure, language))),
        }
    }
    outcome
}

/// Whether the user is not yet as the act wants them.
async fn changes(caller: &Caller, act: Act, user: &Username, group: &str) -> Result<bool, Failure> {
    let disabled = async || found(&caller.hub, user).await.map(|(user, _)| user.standing.disabled);
    let member = || caller.hub.directory().groups_of(user).iter().any(|known| known.as_str() == group);
    Ok(match act {
        Act::Enable => disabled().await?,
        Act::Disable => !disabled().await?,
        Act::Join => !member(),
        Act::Leave => member(),
        Act::Start | Act::Stop | Act::Delete => true,
    })
}

fn reason(failure: &Failure, language: Language) -> String {
    let said = failure.said(language);
    let status = failure.status_code();
    said.unwrap_or_else(|| {
        Message::new("people-refused-status").with("status", status.as_u16()).in_language(language)
    })
}

async fn one(caller: &Caller, act: Act, user: &Username, group: &str) -> Result<(), Failure> {
    let name = user.as_str();
    match act {
        Act::Start => start(caller, user).await,
        Act::Stop => stop(caller, user).await,
        Act::Enable => alter(caller, name, json!({ "disabled": false })).await.map(drop),
        Act::Disable => alter(caller, name, json!({ "disabled": true })).await.map(drop),
        Act::Join => group::enrol(caller, group, vec![name.to_owned()], true).await.map(drop),
        Act::Leave => group::enrol(caller, group, vec![name.to_owned()], false).await.map(drop),
        Act::Delete => end(caller, name).await,
    }
}

async fn start(caller: &Caller, user: &Username) -> Result<(), Failure> {
    let id = ServerId::default_of(user.clone());
    starts::start(&caller.hub, &id, StartOptions::default()).await.map_err(|error| told(&id, &error))
}

/// Stops all servers of a user.
async fn stop(caller: &Caller, user: &Username) -> Result<(), Failure> {
    let hub = &caller.hub;
    for status in hub.servers.of(user) {
        if matches!(status.phase, Phase::Running | Phase::Starting) {
            let id = status.id();
            starts::stop(hub, &id).await.map_err(|error| told(&id, &error))?;
        }
    }
    Ok(())
}
