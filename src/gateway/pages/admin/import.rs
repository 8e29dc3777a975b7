//! Lists of users in the browser: looked at first, then taken as they were shown; and written.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use askama::Template;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::config::Authenticator;
use crate::domain::roster::{Planned, RowError, Step};
use crate::domain::scope::{Base, Target};
use crate::extract::{Caller, Posted, Proof, SignedIn};
use crate::pages::admin::administrator;
use crate::password;
use crate::state::audit::acting;
use crate::state::roster::{self, Reach, RosterFault};
use crate::state::{Hub, blocking};
use crate::store::StoreError;
use crate::words::Message;

/// Most passwords in a list that a page takes: each costs a core for some 30 ms. The command line takes any number.
const PASSWORDS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "admin_import.html")]
struct ImportPage {
    frame: Frame,
    tab: &'static str,
    rows: Vec<String>,
    unchanged: usize,
    errors: Vec<String>,
    passwords: usize,
    too_many: bool,
}

/// `POST /hub/admin/import`: what the list in the field `csv` would change.
pub async fn look(_: Proof, posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let told = |failure: Failure| failure.as_page(true, &hub.config);
    let caller = Caller::of_session(&hub, &session);
    caller.require(&[Base::AdminUsers], &Target::Any).map_err(told)?;
    if hub.config.authenticator != Authenticator::File {
        let sentence = Message::new("list-no-passwords");
        return Err(told(Failure::new(StatusCode::NOT_FOUND, sentence)));
    }
    let reach = Reach { update: form.get("update").is_some(), ..Reach::default() };
    let (store, config) = (hub.store.clone(), hub.config.clone());
    let text = form.get("csv").unwrap_or_default().to_owned();
    let planned =
        web::block(move || roster::plan(&store, &config, text.as_bytes(), reach)).await.map_err(|error| {
            warn!("a list of users could not be looked at: {error}");
            told(Failure::unavailable())
        })?;
    let planned = planned.and_then(|planned| allowed(&caller, planned));
    let frame = Frame::of(&hub, &session);
    match planned {
        Ok(planned) => {
            let page = page(frame, &planned);
            hub.imports.put(session.hash, planned, hub.clock.now_s());
            Ok(answer::page(StatusCode::OK, &page))
        }
        Err(RosterFault::Rows(errors)) => {
            let errors = errors.iter().map(|error| frame.say(&error.message())).collect();
            let page = ImportPage { errors, ..page(frame, &[]) };
            Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(fault) => Err(told(failed(&fault))),
    }
}

fn page(frame: Frame, planned: &[Planned]) -> ImportPage {
    let changed = planned.iter().filter(|one| one.step() != Step::Unchanged);
    let shown = |one: &Planned| Message::new("list-row").with("line", one.line).put("what", one.message());
    let rows: Vec<String> = changed.map(|one| frame.say(&shown(one))).collect();
    let passwords = planned.iter().filter(|one| one.password.is_some()).count();
    ImportPage {
        frame,
        tab: "users",
        unchanged: planned.len().saturating_sub(rows.len()),
        rows,
        errors: Vec::new(),
        passwords,
        too_many: passwords > PASSWORDS_MAX,
    }
}

/// A plan as far as the caller may carry it out: the rules of the API, for each row.
fn allowed(caller: &Caller, planned: Vec<Planned>) -> Result<Vec<Planned>, RosterFault> {
    let wrong = |one: &Planned| {
        let before = one.before.clone().unwrap_or_default();
        let groups = one.after.groups.symmetric_difference(&before.groups);
        let mut beyond = groups.filter(|group| !caller.may(&Base::Groups, &Target::Group(group)));
        let foreign = caller.directory.is_admin(&one.user) || one.after.admin;
        if one.step() != Step::Unchanged && foreign && !caller.is_admin() {
            return Some(("admin", Message::new("list-admins-only")));
        }
        beyond.next().map(|_| ("groups", Message::new("list-group-foreign")))
    };
    let told = |one: &Planned| wrong(one).map(|(column, what)| RowError::of_column(one.line, column, what));
    let errors: Vec<RowError> = planned.iter().filter_map(told).collect();
    if errors.is_empty() { Ok(planned) } else { Err(RosterFault::Rows(errors)) }
}

/// `POST /hub/admin/import/apply`: takes the list that this session looked at.
pub async fn apply(_: Proof, posted: Posted) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let told = |failure: Failure| failure.as_page(true, &hub.config);
    let Some(planned) = hub.imports.take(&session.hash, hub.clock.now_s()) else {
        let gone = Failure::new(StatusCode::CONFLICT, Message::new("list-gone"));
        return Err(told(gone.remedy(Message::new("list-gone-remedy"))));
    };
    let caller = Caller::of_session(&hub, &session);
    caller.require(&[Base::AdminUsers], &Target::Any).map_err(told)?;
    let planned = allowed(&caller, planned).map_err(|_| told(failed(&RosterFault::Moved)))?;
    if planned.iter().filter(|one| one.password.is_some()).count() > PASSWORDS_MAX {
        return Err(told(too_many()));
    }
    let count = planned.len();
    take(&hub, planned).await.map_err(|fault| told(failed(&fault)))?;
    info!("list of users taken rows={count} by={}", session.user);
    Ok(answer::redirect(&hub.url("/hub/admin")))
}

fn too_many() -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, Message::new("list-too-many"))
        .remedy(Message::new("list-too-many-remedy"))
}

async fn take(hub: &Hub, planned: Vec<Planned>) -> Result<(), RosterFault> {
    let Some(_slot) = hub.hashing.acquire().await else { return Err(StoreError::Busy.into()) };
    let (planned, hashes) = blocking(move || {
        let hash = |one: &Planned| one.password.as_ref().map(password::hash).transpose();
        let hashes: Vec<Option<String>> =
            planned.iter().map(hash).collect::<Result<_, _>>().map_err(|_| StoreError::Broken)?;
        Ok((planned, hashes))
    })
    .await?;
    let by = (acting(), hub.clock.now_us());
    match hub.change(move |c| roster::take(c, &planned, &hashes, (&by.0, by.1))).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(StoreError::Exists) => Err(RosterFault::Moved),
        Err(error) => Err(error.into()),
    }
}

fn failed(fault: &RosterFault) -> Failure {
    match fault {
        RosterFault::Moved | RosterFault::Rows(_) => {
            Failure::new(StatusCode::CONFLICT, Message::new("list-moved"))
                .remedy(Message::new("list-moved-remedy"))
        }
        other => {
            warn!("a list of users could not be taken: {other}");
            Failure::unavailable()
        }
    }
}

/// `GET /hub/admin/users.csv`.
pub async fn export(_: Proof, person: SignedIn) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    caller.require(&[Base::AdminUsers], &Target::Any).map_err(|failure| person.failure(failure))?;
    let store = person.hub.store.clone();
    let text = blocking(move || roster::export(&store)).await.map_err(|error| {
        warn!("users could not be written as a list: {error}");
        person.failure(Failure::unavailable())
    })?;
    Ok(answer::guarded(StatusCode::OK)
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"users.csv\""))
        .body(text))
}
