//! Who is and was in one's servers by a right of their own: what home shows of it, and the page of all that happened.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use diesel::QueryResult;
use hubgate_protocol::Username;

use crate::answer::{self, Failure, Frame};
use crate::api::stored;
use crate::domain::audit::Action;
use crate::domain::query::Query;
use crate::domain::time::minute;
use crate::extract::SignedIn;
use crate::pages::admin::audit::Row;
use crate::state::Hub;
use crate::store::Conn;
use crate::store::audit::{self, AuditQuery, Line};
use crate::store::entries::EntryRow;
use crate::words::Message;

/// How long home tells of an entry, seconds.
const TOLD_S: i64 = 7 * 86_400;
/// Most past entries on home.
const TOLD_MAX: i64 = 3;
/// Lines of a page of what happened.
const PAGE: i64 = 50;

/// One entry of somebody else.
pub struct Entered {
    /// Who, and into which server.
    pub said: Message,
    /// Why, in their own words; empty for a token.
    pub reason: String,
    /// Whether they are in now.
    pub now: bool,
    /// Until when, where they are in; else since when. Milliseconds since 1970.
    pub at_ms: i64,
    /// The same for those without scripts, UTC.
    pub at: String,
}

impl Entered {
    fn inside(entry: EntryRow) -> Self {
        Self {
            said: Message::new("entered-now").with("by", &entry.by).with("server", entry.server.segments()),
            reason: entry.reason,
            now: true,
            at_ms: entry.until_s.saturating_mul(1000),
            at: utc(entry.until_s.saturating_mul(1_000_000)),
        }
    }

    fn past(line: &Line) -> Self {
        let details = line.details();
        Self {
            said: Message::new("entered-past").with("by", by(line)).with("server", &line.subject),
            reason: details.get("reason").and_then(|reason| reason.as_str()).unwrap_or_default().to_owned(),
            now: false,
            at_ms: line.at_us.div_euclid(1000),
            at: utc(line.at_us),
        }
    }
}

fn by(line: &Line) -> &str {
    line.actor.strip_prefix("user:").unwrap_or(&line.actor)
}

fn utc(at_us: i64) -> String {
    format!("{} UTC", minute(at_us))
}

/// The entries of these days in the log.
///
/// # Errors
/// When the database fails.
pub fn lines(c: &mut Conn, owner: &Username, now_s: i64) -> QueryResult<Vec<Line>> {
    let query = AuditQuery {
        action: Some(Action::Entry.name().to_owned()),
        subject: Some(owner.to_string()),
        since_us: Some(now_s.saturating_sub(TOLD_S).saturating_mul(1_000_000)),
        limit: TOLD_MAX,
        ..AuditQuery::default()
    };
    audit::list(c, &query)
}

/// What home says: who is in, and who was, the newest first.
#[must_use]
pub fn shown(hub: &Hub, owner: &Username, lines: &[Line]) -> Vec<Entered> {
    let inside = hub.entries.with_owner(owner);
    let told = |line: &&Line| {
        !inside.iter().any(|now| by(line) == now.by.as_str() && line.subject == now.server.segments())
    };
    let past: Vec<Entered> = lines.iter().filter(told).map(Entered::past).collect();
    inside.into_iter().map(Entered::inside).chain(past).collect()
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    tab: &'static str,
    lines: Vec<Row>,
    older: Option<String>,
}

/// `GET /hub/history?before=ID`: what somebody did, and what was done to what is theirs.
pub async fn history(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let own = &person.session.user;
    let query = Query::parse(request.query_string());
    let asked = AuditQuery {
        of: Some(own.to_string()),
        before: query.get("before").and_then(|id| id.parse().ok()),
        limit: PAGE,
        ..AuditQuery::default()
    };
    let found = person.hub.audit_lines(asked).await;
    let lines = found.map_err(|error| person.failure(stored::told(&error)))?;
    let full = i64::try_from(lines.len()).is_ok_and(|count| count == PAGE);
    let older = lines.last().filter(|_| full).map(|line| query.with(&[("before", line.id)]));
    let frame = person.frame();
    let mine = format!("user:{own}");
    let row = |line: &Line| {
        let mut row = Row::of(line, &frame);
        if line.actor != mine {
            // Where others were is theirs to know.
            row.address.clear();
        }
        row
    };
    let page = HistoryPage { tab: "history", lines: lines.iter().map(row).collect(), older, frame };
    Ok(answer::page(StatusCode::OK, &page))
}
