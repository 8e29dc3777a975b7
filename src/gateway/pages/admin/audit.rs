//! The audit log for administrators: filtered, a page at a time, and as a file.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::administrator;
use crate::answer::{self, Failure, Frame};
use crate::api::audit::{require, wanted};
use crate::api::stored;
use crate::domain::audit::Action;
use crate::domain::query::Query;
use crate::domain::time::minute;
use crate::extract::SignedIn;
use crate::store::audit::{AuditQuery, Line};
use crate::store::entries::EntryRow;
use crate::words::Message;

/// Lines of a page.
const PAGE: i64 = 50;
/// Most lines of a file.
const FILE: i64 = 100_000;

#[derive(Template)]
#[template(path = "admin_audit.html")]
struct AuditPage {
    frame: Frame,
    tab: &'static str,
    lines: Vec<Row>,
    /// What is asked for, to be filled in again.
    who: String,
    subject: String,
    address: String,
    since: String,
    until: String,
    /// Name of each kind, its words, and whether it is asked for.
    actions: Vec<(&'static str, String, bool)>,
    complaint: Option<Message>,
    /// The query without its place, for the files.
    query: String,
    older: Option<String>,
    /// Servers of others that this person is in: the server and until when.
    inside: Vec<(String, String)>,
}

/// A line for people.
pub struct Row {
    /// Its number.
    pub id: i64,
    /// When, to the minute.
    pub time: String,
    /// Who did it.
    pub who: String,
    /// What, in words.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// From where.
    pub address: String,
    /// What else is to be known.
    pub details: String,
}

/// The words for a kind of event.
#[must_use]
pub fn words(action: Action) -> Message {
    Message::new(match action {
        Action::Login => "audit-login",
        Action::LoginRefused => "audit-login-refused",
        Action::Logout => "audit-logout",
        Action::SessionEnded => "audit-session-ended",
        Action::PasswordChanged => "audit-password-changed",
        Action::FactorChanged => "audit-factor-changed",
        Action::ServerStart => "audit-server-start",
        Action::ServerStop => "audit-server-stop",
        Action::ServerCull => "audit-server-cull",
        Action::ServerKept => "audit-server-kept",
        Action::MemoryKill => "audit-memory-kill",
        Action::Entry => "audit-entry",
        Action::EntryEnded => "audit-entry-ended",
        Action::Limits => "audit-limits",
        Action::Exam => "audit-exam",
        Action::UserAdded => "audit-user-added",
        Action::UserChanged => "audit-user-changed",
        Action::UserDeleted => "audit-user-deleted",
        Action::GroupChanged => "audit-group-changed",
        Action::TokenMade => "audit-token-made",
        Action::TokenRevoked => "audit-token-revoked",
        Action::LinkMade => "audit-link-made",
        Action::ShareChanged => "audit-share-changed",
        Action::ServiceChanged => "audit-service-changed",
        Action::Announcement => "audit-announcement",
        Action::Configuration => "audit-configuration",
    })
}

impl Row {
    /// The line in the language of the page.
    #[must_use]
    pub fn of(line: &Line, frame: &Frame) -> Self {
        let details = line.details();
        let details = details.as_object().into_iter().flatten().map(|(name, value)| {
            format!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        Self {
            id: line.id,
            time: minute(line.at_us),
            who: line.actor.strip_prefix("user:").unwrap_or(&line.actor).to_owned(),
            action: Action::of_name(&line.action)
                .map_or_else(|| line.action.clone(), |action| frame.say(&words(action))),
            subject: line.subject.clone(),
            address: line.address.clone(),
            details: details.collect::<Vec<_>>().join(" · "),
        }
    }
}

/// `GET /hub/admin/audit?who=NAME&action=KIND&subject=NAME&address=IP&since=DAY&until=DAY&before=ID`.
pub async fn list(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    require(&caller).map_err(|failure| person.failure(failure))?;
    let query = Query::parse(request.query_string());
    let (asked, complaint) = match wanted(&query, PAGE) {
        Ok(asked) => (asked, None),
        Err(_) => {
            (AuditQuery { limit: PAGE, ..AuditQuery::default() }, Some(Message::new("audit-bad-filter")))
        }
    };
    let found = person.hub.audit_lines(asked).await;
    let lines = found.map_err(|error| person.failure(stored::told(&error)))?;
    let full = i64::try_from(lines.len()).is_ok_and(|count| count == PAGE);
    let older = lines.last().filter(|_| full).map(|line| query.with(&[("before", line.id)]));
    let frame = person.frame();
    let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
    let kind = |action: &Action| {
        (action.name(), frame.say(&words(*action)), query.get("action") == Some(action.name()))
    };
    let page = AuditPage {
        tab: "audit",
        lines: lines.iter().map(|line| Row::of(line, &frame)).collect(),
        who: text("who"),
        subject: text("subject"),
        address: text("address"),
        since: text("since"),
        until: text("until"),
        actions: Action::ALL.iter().map(kind).collect(),
        complaint,
        query: query.with(&[]),
        older,
        inside: person.hub.entries.by(&person.session.user).iter().map(inside).collect(),
        frame,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

fn inside(entry: &EntryRow) -> (String, String) {
    (entry.server.segments(), minute(entry.until_s.saturating_mul(1_000_000)))
}

/// `GET /hub/admin/audit.jsonl`: what the filters find, each line as it was hashed.
pub async fn json_lines(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let lines = found(&person, &request).await?;
    let text: String = lines.iter().map(|line| format!("{}\n", line.json())).collect();
    Ok(file(text.into_bytes(), "application/jsonl; charset=utf-8", "attachment; filename=\"audit.jsonl\""))
}

/// `GET /hub/admin/audit.csv`: what the filters find.
pub async fn csv(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let lines = found(&person, &request).await?;
    let broken = || person.failure(Failure::unavailable());
    let bytes = table(&lines).map_err(|_| broken())?;
    Ok(file(bytes, "text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""))
}

async fn found(person: &SignedIn, request: &HttpRequest) -> Result<Vec<Line>, Failure> {
    let caller = administrator(person)?;
    require(&caller).map_err(|failure| person.failure(failure))?;
    let query = Query::parse(request.query_string());
    let bad = || Failure::new(StatusCode::BAD_REQUEST, Message::new("audit-bad-filter"));
    let asked = wanted(&query, FILE).map_err(|_| person.failure(bad()))?;
    person.hub.audit_lines(asked).await.map_err(|error| person.failure(stored::told(&error)))
}

fn table(lines: &[Line]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["id", "time", "who", "action", "subject", "address", "details", "hash"])?;
    for line in lines {
        let time = crate::domain::time::iso(line.at_us);
        let (id, details) = (line.id.to_string(), line.details().to_string());
        let cells =
            [&id, &time, &line.actor, &line.action, &line.subject, &line.address, &details, &line.hash];
        table.write_record(cells.map(|cell| harmless(cell.as_str())))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn file(bytes: Vec<u8>, media: &'static str, name: &'static str) -> HttpResponse {
    let mut response = answer::guarded(StatusCode::OK);
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(media)));
    response.insert_header((CONTENT_DISPOSITION, HeaderValue::from_static(name)));
    response.body(bytes)
}
