//! The administrators' page: users, a page at a time, and what can be done about them. Rights are those of the API.

pub mod act;
pub mod add;
pub mod announcements;
mod asked;
pub mod audit;
pub mod belongings;
pub mod enter;
pub mod events;
pub mod groups;
pub mod import;
pub mod limits;
mod line;
pub mod many;
pub mod roles;
pub mod system;
pub mod user;

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use askama::filters::HtmlSafe;
use hubgate_protocol::{Phase, Username};
use log::warn;

use crate::answer::{self, Failure, Frame};
use crate::api::users::within;
use crate::config::Authenticator;
use crate::domain::query::Query;
use crate::domain::scope::{Base, Target};
use crate::extract::{Caller, SignedIn};
use crate::state::blocking;
use crate::state::live::Live;
use crate::store::people;
use crate::words::Message;
use asked::{Asked, COLUMNS, PAGE, STATES, STOPPED};
use line::{Line, dot};

#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    frame: Frame,
    tab: &'static str,
    table: TablePart,
    asked: Asked,
    /// Groups of which the asker may know.
    groups: Vec<String>,
    states: Vec<(&'static str, &'static str)>,
    standings: [(&'static str, &'static str); 5],
    days: [Days; 2],
    /// Whether passwords are kept here.
    file: bool,
}

/// The table with the line above it: what a search replaces.
#[derive(Template)]
#[template(path = "admin_table.html")]
struct TablePart {
    frame: Frame,
    columns: Vec<Column>,
    users: Vec<Line>,
    total: i64,
    running: usize,
    first: i64,
    last: i64,
    before: Option<String>,
    behind: Option<String>,
    may: May,
}

/// It is a template of its own: what it writes is escaped already.
impl HtmlSafe for TablePart {}

/// One column: what it is called and how the table gets sorted by it.
struct Column {
    key: &'static str,
    /// Query that sorts by it, or the other way round where it does already.
    query: String,
    /// `ascending`, `descending` or empty.
    sorted: &'static str,
}

/// The filter of a column of times.
struct Days {
    name: &'static str,
    key: &'static str,
    /// Value, words, and whether it is the one that holds.
    options: Vec<(i64, String, bool)>,
}

impl Days {
    fn of(frame: &Frame, name: &'static str, key: &'static str, chosen: Option<i64>) -> Self {
        let within = [1, 7, 30, 365].map(|days| (days, frame.put("people-within", "days", days)));
        let not_for = [7, 30, 365].map(|days| (-days, frame.put("people-not-for", "days", days)));
        let option = |(value, words)| (value, words, chosen == Some(value));
        Self { name, key, options: within.into_iter().chain(not_for).map(option).collect() }
    }
}

/// What the asker may do to somebody at all.
struct May {
    start: bool,
    stop: bool,
    change: bool,
    delete: bool,
    enrol: bool,
}

impl May {
    fn of(caller: &Caller) -> Self {
        let holds = |base| caller.scopes.holds(&base);
        Self {
            start: holds(Base::StartServers),
            stop: holds(Base::DeleteServers),
            change: holds(Base::AdminUsers),
            delete: holds(Base::DeleteUsers),
            enrol: holds(Base::Groups),
        }
    }
}

/// Keys of the columns' names, in the order of [`COLUMNS`].
const HEADS: [&str; 10] = [
    "people-name",
    "people-display",
    "people-groups",
    "people-admin",
    "people-state",
    "people-memory",
    "people-cpu",
    "people-activity",
    "people-login",
    "people-standing",
];

/// Who looks at the page, if they may.
///
/// # Errors
/// 403 for everybody without the scope `admin-ui`.
fn administrator(person: &SignedIn) -> Result<Caller, Failure> {
    let caller = Caller::of_session(&person.hub, &person.session);
    administers(&caller).map_err(|failure| person.failure(failure))?;
    Ok(caller)
}

/// # Errors
/// 403 for everybody without the scope `admin-ui`.
fn administers(caller: &Caller) -> Result<(), Failure> {
    let refused = || Failure::new(StatusCode::FORBIDDEN, Message::new("people-not-yours"));
    caller
        .require_some(&[Base::AdminUi])
        .map_err(|_| refused().remedy(Message::new("people-not-yours-remedy")))
}

/// What those servers do that the caller may see.
fn live(caller: &Caller) -> BTreeMap<Username, Live> {
    caller.hub.live(|id| caller.may(&Base::ReadServers, &Target::Server(id)))
}

/// `GET /hub/admin?filter=PART&sort=COLUMN&offset=N` and the filters of [`Asked`].
pub async fn list(person: SignedIn, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    let query = Query::parse(request.query_string());
    let asked = Asked::read(&query);
    let table =
        table(&caller, person.frame(), &query, &asked).await.map_err(|failure| person.failure(failure))?;
    let seen = |group: &&_| caller.may(&Base::ListGroups, &Target::Group(group));
    let frame = person.frame();
    let page = AdminPage {
        tab: "users",
        table,
        groups: caller.directory.groups().filter(seen).take(GROUPS_MAX).map(ToString::to_string).collect(),
        states: STATES
            .iter()
            .map(|(name, phase)| (*name, dot(*phase).1))
            .chain([(STOPPED, dot(Phase::Stopped).1)])
            .collect(),
        standings: [
            ("good", "people-good"),
            ("disabled", "people-disabled"),
            ("expired", "people-expired"),
            ("expiring", "people-expiring"),
            ("refused", "people-refused"),
        ],
        days: [
            Days::of(&frame, "activity", "people-activity-days", asked.activity),
            Days::of(&frame, "login", "people-login-days", asked.login),
        ],
        frame,
        asked,
        file: person.hub.config.authenticator == Authenticator::File,
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// Groups that the page offers as suggestions; any other can be typed.
const GROUPS_MAX: usize = 100;

/// `GET /hub/admin/rows` with the query of the page: the table alone, for the page's script, which sends the session's token.
pub async fn rows(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Failure> {
    administers(&caller)?;
    let session = caller.session.clone().ok_or_else(|| Failure::bare(StatusCode::FORBIDDEN))?;
    let query = Query::parse(request.query_string());
    let frame = Frame::of(&caller.hub, &session);
    let table = table(&caller, frame, &query, &Asked::read(&query)).await?;
    Ok(answer::page(StatusCode::OK, &table))
}

async fn table(caller: &Caller, frame: Frame, query: &Query, asked: &Asked) -> Result<TablePart, Failure> {
    let live = live(caller);
    let question =
        asked.question(within(caller)?, &live, caller.directory.admins().clone(), caller.hub.clock.now_s());
    let store = caller.hub.store.clone();
    let found = blocking(move || store.read(|c| people::page(c, &question))).await.map_err(|error| {
        warn!("users could not be listed: {error}");
        Failure::unavailable()
    })?;
    let language = frame.telling.language;
    let users: Vec<Line> =
        found.users.iter().map(|user| Line::of(caller, user, live.get(&user.name), language)).collect();
    let last = asked.offset.saturating_add(i64::try_from(users.len()).unwrap_or(PAGE));
    Ok(TablePart {
        frame,
        columns: columns(query, asked),
        total: found.total,
        running: live.values().filter(|one| one.phase == Phase::Running).count(),
        first: if users.is_empty() { 0 } else { asked.offset.saturating_add(1) },
        last,
        before: (asked.offset > 0)
            .then(|| query.with(&[("offset", asked.offset.saturating_sub(PAGE).max(0))])),
        behind: (last < found.total).then(|| query.with(&[("offset", last)])),
        may: May::of(caller),
        users,
    })
}

fn columns(query: &Query, asked: &Asked) -> Vec<Column> {
    let one = |(name, key): (&'static str, &'static str)| {
        let here = asked.sort == name;
        // Numbers and times are looked at from the largest on.
        let falling = if here {
            !asked.descending
        } else {
            ["state", "memory", "cpu", "activity", "login", "admin"].contains(&name)
        };
        let sorted = match (here, asked.descending) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        };
        let sort = if falling { format!("-{name}") } else { name.to_owned() };
        Column { key, query: query.with_text(&[("sort", &sort), ("offset", "0")]), sorted }
    };
    COLUMNS.into_iter().zip(HEADS).map(one).collect()
}
