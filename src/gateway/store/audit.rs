//! The audit log: lines that only come to it, each with a hash over all before it.

use diesel::prelude::*;
use openssl::sha::sha256;
use serde_json::Value;

use super::hash::hex;
use super::schema::{audit::dsl, counters};
use super::{Conn, revision};
use crate::domain::audit::Event;

/// The counter of lines: what is cut off at the end is missed by it.
const COUNTER: &str = "audit_id";
/// Longest subject, characters.
const SUBJECT_MAX: usize = 600;
/// Longest line, characters.
const EVENT_MAX: usize = 65_000;
/// Lines that are checked at a time.
const BATCH: i64 = 1000;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = super::schema::audit)]
pub struct Line {
    /// 1, 2, 3 and so on.
    pub id: i64,
    /// Microseconds since 1970.
    pub at_us: i64,
    /// `user:NAME`, `service:NAME`, `operator` or `hub`.
    pub actor: String,
    /// Name of an [`crate::domain::audit::Action`].
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// The user who may know it.
    pub about: Option<String>,
    /// The client's address; empty where there is none.
    pub address: String,
    /// All of it: JSON.
    pub event: String,
    /// SHA-256 of the hash before and the event, in hexadecimal.
    pub hash: String,
}

impl Line {
    /// What else is to be known: the field `details` of the event.
    #[must_use]
    pub fn details(&self) -> Value {
        self.field("details")
    }

    /// The line for programs: the event, and its hash in the field `hash`.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut whole: Value = serde_json::from_str(&self.event).unwrap_or_default();
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("hash".to_owned(), self.hash.as_str().into());
        }
        whole
    }

    fn field(&self, name: &str) -> Value {
        let whole: Value = serde_json::from_str(&self.event).unwrap_or_default();
        whole.get(name).cloned().unwrap_or_default()
    }

    /// Whether the columns say what the event says, which alone is hashed.
    fn agrees(&self) -> bool {
        let about = self.about.as_deref().map_or(Value::Null, Value::from);
        let time = crate::domain::time::iso(self.at_us);
        [
            ("id", Value::from(self.id)),
            ("time", time.into()),
            ("actor", self.actor.as_str().into()),
            ("action", self.action.as_str().into()),
            ("subject", self.subject.as_str().into()),
            ("about", about),
            ("address", self.address.as_str().into()),
        ]
        .into_iter()
        .all(|(name, value)| self.field(name) == value)
    }
}

/// Which lines are asked for. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this user: done by them or about them.
    pub of: Option<String>,
    /// Done by: `user:NAME` and its kin.
    pub actor: Option<String>,
    /// Name of an action.
    pub action: Option<String>,
    /// The subject, or what it begins with.
    pub subject: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// From then on, microseconds since 1970.
    pub since_us: Option<i64>,
    /// Before then, microseconds since 1970.
    pub until_us: Option<i64>,
    /// Only lines with a smaller id.
    pub before: Option<i64>,
    /// Only lines with a greater id, and the oldest first.
    pub after: Option<i64>,
    /// Most lines.
    pub limit: i64,
}

/// Adds events, each with its time in microseconds since 1970; id and hash of the last line.
///
/// # Errors
/// When the database fails.
pub fn append(c: &mut Conn, events: &[(i64, Event)]) -> QueryResult<Option<(i64, String)>> {
    let mut before = last(c)?.map(|line| line.hash).unwrap_or_default();
    let mut id = None;
    for (at_us, event) in events {
        let event = &bounded(event);
        let number = revision::advance(c, COUNTER, 1)?;
        let text = event.line(number, *at_us);
        let hash = hash(&before, &text);
        let values = (
            (dsl::id.eq(number), dsl::at_us.eq(at_us), dsl::actor.eq(event.actor.to_string())),
            (dsl::action.eq(event.action.name()), dsl::subject.eq(&event.subject)),
            dsl::about.eq(event.about().map(|user| user.to_string())),
            dsl::address.eq(event.actor.address().map(|address| address.to_string()).unwrap_or_default()),
            (dsl::event.eq(text), dsl::hash.eq(&hash)),
        );
        diesel::insert_into(dsl::audit).values(values).execute(c)?;
        (before, id) = (hash, Some(number));
    }
    Ok(id.map(|id| (id, before)))
}

/// The event as far as a line can hold it: one that cannot be written would hold up all behind it.
fn bounded(event: &Event) -> Event {
    let mut event = event.clone();
    event.subject = event.subject.chars().take(SUBJECT_MAX).collect();
    if event.line(i64::MAX, i64::MAX).chars().count() > EVENT_MAX {
        event.details = [("left_out".to_owned(), true.into())].into_iter().collect();
    }
    event
}

fn hash(before: &str, event: &str) -> String {
    hex(&sha256([before, event].concat().as_bytes()))
}

fn last(c: &mut Conn) -> QueryResult<Option<Line>> {
    dsl::audit.order(dsl::id.desc()).select(Line::as_select()).first(c).optional()
}

/// The lines that are asked for, the newest first unless it is said where they begin.
///
/// # Errors
/// When the database fails.
pub fn list(c: &mut Conn, query: &AuditQuery) -> QueryResult<Vec<Line>> {
    let mut all = dsl::audit.select(Line::as_select()).into_boxed();
    if let Some(user) = &query.of {
        all = all.filter(dsl::actor.eq(format!("user:{user}")).or(dsl::about.eq(user.clone())));
    }
    if let Some(actor) = &query.actor {
        all = all.filter(dsl::actor.eq(actor));
    }
    if let Some(action) = &query.action {
        all = all.filter(dsl::action.eq(action));
    }
    if let Some(subject) = &query.subject {
        let below = format!("{subject}/");
        // '0' is the character behind '/': everything between the two begins with NAME/.
        let end = format!("{subject}0");
        all = all.filter(dsl::subject.eq(subject).or(dsl::subject.ge(below).and(dsl::subject.lt(end))));
    }
    if let Some(address) = &query.address {
        all = all.filter(dsl::address.eq(address));
    }
    if let Some(since_us) = query.since_us {
        all = all.filter(dsl::at_us.ge(since_us));
    }
    if let Some(until_us) = query.until_us {
        all = all.filter(dsl::at_us.lt(until_us));
    }
    if let Some(before) = query.before {
        all = all.filter(dsl::id.lt(before));
    }
    let all = all.limit(query.limit);
    match query.after {
        Some(after) => all.filter(dsl::id.gt(after)).order(dsl::id.asc()).load(c),
        None => all.order(dsl::id.desc()).load(c),
    }
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every line is as it was written.
    Whole {
        /// How many lines.
        lines: i64,
        /// Hash of the last one; empty where there is none.
        hash: String,
    },
    /// From this line on it is not.
    Broken {
        /// The first line that is wrong or missing.
        id: i64,
        /// What is wrong, as a sentence's end.
        why: &'static str,
    },
}

/// Follows the chain from its first line to its last.
///
/// # Errors
/// When the database fails.
pub fn verify(c: &mut Conn) -> QueryResult<Verdict> {
    let (mut before, mut done) = (String::new(), 0_i64);
    loop {
        let batch: Vec<Line> = dsl::audit
            .filter(dsl::id.gt(done))
            .order(dsl::id.asc())
            .limit(BATCH)
            .select(Line::as_select())
            .load(c)?;
        if batch.is_empty() {
            break;
        }
        for line in batch {
            let id = done.saturating_add(1);
            if let Some(why) = fault(&line, id, &before) {
                return Ok(Verdict::Broken { id, why });
            }
            (before, done) = (line.hash, line.id);
        }
    }
    let written: i64 = counters::table.filter(counters::name.eq(COUNTER)).select(counters::value).first(c)?;
    if written != done {
        return Ok(Verdict::Broken { id: done.saturating_add(1), why: "is missing at the end" });
    }
    Ok(Verdict::Whole { lines: done, hash: before })
}

fn fault(line: &Line, id: i64, before: &str) -> Option<&'static str> {
    if line.id != id {
        return Some("is missing");
    }
    if line.hash != hash(before, &line.event) {
        return Some("does not fit its hash");
    }
    (!line.agrees()).then_some("says something else in its columns than in its event")
}

/// Whether a line has this hash.
///
/// # Errors
/// When the database fails.
pub fn holds(c: &mut Conn, hash: &str) -> QueryResult<bool> {
    let found: i64 = dsl::audit.filter(dsl::hash.eq(hash)).count().get_result(c)?;
    Ok(found > 0)
}
