//! What the page of a server (JupyterLab, Notebook) shows beside itself: announcements, when the server is to be stopped, who
//! else is in it. Words in the visitor's language; the page only shows them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hubgate_protocol::{Phase, ServerId};
use serde::Serialize;

use crate::answer::{self, Failure, Telling};
use crate::domain::activity::Activity;
use crate::domain::cull::Why;
use crate::domain::time::minute;
use crate::extract::{ServerPath, Visitor};
use crate::pages::card;
use crate::state::culling::At;
use crate::state::memory_kills::Killed;
use crate::state::{Hub, Session};
use crate::store::entries::EntryRow;
use crate::words::Message;

/// How soon the page asks again, seconds.
const AGAIN_S: u32 = 3;

/// From how full a disk on it is told.
const DISK_PERCENT: u64 = 97;

/// The whole of it.
#[derive(Debug, Serialize)]
pub struct Shown {
    banners: Vec<Banner>,
    /// Label of the button that hides a banner.
    hide: String,
    /// When to ask again, seconds; 0: not before the visitor comes back to the page.
    again_s: u32,
}

/// One line above the page.
#[derive(Debug, Serialize)]
struct Banner {
    /// Tells it from the others.
    id: String,
    /// `info` or `warning`.
    level: &'static str,
    text: String,
    /// Whether the visitor may hide it.
    hides: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
}

/// A button of a banner.
#[derive(Debug, Serialize)]
struct Act {
    label: String,
    /// A path of ours.
    address: String,
    /// `post`: sent by the script, which shows the answer; `go`: a link.
    how: &'static str,
}

/// `GET /hub/notices/NAME[/SERVER]`.
///
/// A user's server shares our origin, so its scripts can ask too, for whoever looks at it. They learn what stands here and no
/// more: no token, no name of another server. Another site's scripts learn nothing.
pub async fn list(
    visitor: Visitor,
    path: web::Path<ServerPath>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (session, id) = path.asked_within_site(&visitor, &request)?;
    Ok(answer::json(StatusCode::OK, &shown(&visitor.hub, &session, &id)))
}

/// What the page of that server shows to whoever has this session.
#[must_use]
pub fn shown(hub: &Hub, session: &Session, id: &ServerId) -> Shown {
    let telling = Telling::now();
    let say = |message: &Message| message.in_language(telling.language);
    let mut banners = Vec::new();
    banners.extend(hub.entries.of(id).iter().filter_map(|entry| entered(hub, session, entry, &say)));
    let phase = hub.servers.phase(id);
    if phase == Phase::Running {
        banners.extend(hub.culling.of(id).filter(|at| at.soon).map(|at| soon(hub, id, at, &say)));
        banners.extend(hub.memory_kill(id).map(|killed| memory(killed, &say)));
        let report = Activity::parse(&hub.servers.status(id).status_text);
        banners.extend(report.and_then(|report| disk(report, &say)));
        banners.extend(report.filter(|report| report.shell_failed).map(|_| shell(&say)));
    } else if phase != Phase::Starting {
        banners.extend(hub.culling.ended(id).map(|culled| ended(hub, id, culled.why, &say)));
    }
    banners.extend(hub.notices_for(&session.user).iter().map(|notice| Banner {
        id: format!("announcement-{}", notice.id),
        level: notice.said.level.word(),
        text: notice.said.text.clone(),
        hides: true,
        act: None,
    }));
    let lives = matches!(phase, Phase::Running | Phase::Starting);
    let again_s = if lives { AGAIN_S } else { 0 };
    Shown { banners, hide: say(&Message::new("notice-hide")), again_s }
}

/// Who is in the server by a right of their own, for its owner and for themselves.
fn entered(
    hub: &Hub,
    session: &Session,
    entry: &EntryRow,
    say: &dyn Fn(&Message) -> String,
) -> Option<Banner> {
    let (message, act) = if entry.by == session.user {
        let address = hub.url(&format!("/hub/admin/enter/{}", entry.server.segments()));
        let leave = Act { label: say(&Message::new("enter-leave")), address, how: "go" };
        (Message::new("notice-inside").with("owner", &entry.server.user), Some(leave))
    } else if entry.server.user == session.user {
        (Message::new("notice-entered").with("by", &entry.by), None)
    } else {
        return None;
    };
    let until = minute(entry.until_s.saturating_mul(1_000_000));
    let text = say(&message.with("until", until).with("reason", &entry.reason));
    Some(Banner { id: format!("entry-{}", entry.by), level: "warning", text, hides: false, act })
}

/// That there is hardly any room for the visitor's files, as the server reports.
fn disk(report: Activity, say: &dyn Fn(&Message) -> String) -> Option<Banner> {
    let (used, total) = (report.disk_used?, report.disk_total?);
    let percent = used.saturating_mul(100).checked_div(total).filter(|percent| *percent >= DISK_PERCENT)?;
    let text = say(&Message::new("notice-disk").with("percent", percent.min(100)));
    Some(Banner { id: "disk".to_owned(), level: "warning", text, hides: true, act: None })
}

/// That the visitor's own shell files are broken, so that what they set is missing.
fn shell(say: &dyn Fn(&Message) -> String) -> Banner {
    let text = say(&Message::new("notice-shell"));
    Banner { id: "shell".to_owned(), level: "warning", text, hides: true, act: None }
}

/// That a process was killed: kernels are what takes memory.
fn memory(killed: Killed, say: &dyn Fn(&Message) -> String) -> Banner {
    let id = format!("memory-{}", killed.kill.count);
    Banner { id, level: "warning", text: say(&card::memory_kill(killed)), hides: true, act: None }
}

/// The countdown.
fn soon(hub: &Hub, id: &ServerId, at: At, say: &dyn Fn(&Message) -> String) -> Banner {
    let left_s = at.at_s.saturating_sub(hub.clock.now_s()).max(0);
    let minutes = u64::try_from((left_s + 59) / 60).unwrap_or(0);
    let text = match at.why {
        Why::Idle => Message::new("cull-soon-idle"),
        Why::Age => Message::new("cull-soon-age"),
    };
    let hours = u64::try_from(at.keep_s / 3600).unwrap_or(0);
    let act = (at.keep_s > 0).then(|| Act {
        label: say(&Message::new("cull-keep").count("n", hours)),
        address: hub.url(&format!("/hub/keep/{}", id.segments())),
        how: "post",
    });
    Banner {
        id: "cull".to_owned(),
        level: "warning",
        text: say(&text.count("n", minutes)),
        hides: false,
        act,
    }
}

/// What happened to a server whose page is open still.
fn ended(hub: &Hub, id: &ServerId, why: Why, say: &dyn Fn(&Message) -> String) -> Banner {
    let text = match why {
        Why::Idle => Message::new("cull-ended-idle"),
        Why::Age => Message::new("cull-ended-age"),
    };
    let act = Act {
        label: say(&Message::new("cull-start-again")),
        address: hub.url(&format!("/hub/spawn/{}", id.segments())),
        how: "go",
    };
    Banner { id: "culled".to_owned(), level: "warning", text: say(&text), hides: false, act: Some(act) }
}
