//! What the hub stands on: health, services, and the configuration in force.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use log::warn;

use super::administrator;
use crate::answer::{self, Failure, Frame};
use crate::api::stored::audited;
use crate::config::Config;
use crate::domain::audit::Action;
use crate::domain::entity::ServiceName;
use crate::domain::scope::{Base, Target};
use crate::extract::{Caller, Posted, Proof, SignedIn};
use crate::state::health::{self, Check};
use crate::state::managed::{self, State};
use crate::state::service::Service;
use crate::words::Message;

#[derive(Template)]
#[template(path = "admin_system.html")]
struct SystemPage {
    frame: Frame,
    tab: &'static str,
    checks: Vec<Check>,
    services: Vec<Line>,
    /// The configuration file; empty where there is none.
    file: String,
    settings: Vec<Setting>,
}

/// One service.
struct Line {
    name: String,
    url: String,
    /// Whether hubgate runs it.
    managed: bool,
    /// Whether it was made by the API.
    made: bool,
    admin: bool,
    /// Class of the dot and key of the word for what it does; `None` where hubgate does not run it.
    state: Option<(&'static str, &'static str)>,
    /// Whether whoever looks may restart it.
    restart: bool,
}

/// One key of the configuration.
struct Setting {
    key: &'static str,
    value: String,
    /// The line of the file; `None` for the default.
    line: Option<usize>,
}

impl Line {
    fn of(service: &Service, states: &BTreeMap<ServiceName, State>, caller: &Caller) -> Self {
        let state = states.get(&service.name);
        Self {
            name: service.name.to_string(),
            url: service.url.clone().unwrap_or_default(),
            managed: service.is_managed(),
            made: service.made,
            admin: service.admin,
            state: state.map(|state| dot(*state)),
            restart: state.is_some() && caller.may(&Base::AdminServices, &Target::Service(&service.name)),
        }
    }
}

const fn dot(state: State) -> (&'static str, &'static str) {
    match state {
        State::Running => ("on", "system-running"),
        State::Starting => ("busy", "system-starting"),
        State::Stopping => ("busy", "system-stopping"),
        State::Failed => ("bad", "system-failed"),
        State::Stopped => ("", "system-stopped"),
        State::Unknown => ("", "system-unknown"),
    }
}

/// `GET /hub/admin/system`. It says what `read:hub` allows to know, for the whole hub.
pub async fn show(person: SignedIn) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    for base in [Base::ReadHub, Base::ReadServices] {
        caller.require(&[base], &Target::Any).map_err(|failure| person.failure(failure))?;
    }
    let states = managed::states(&person.hub).await;
    let page = SystemPage {
        frame: person.frame(),
        tab: "system",
        checks: health::checks(&person.hub).await,
        services: caller.directory.services().map(|service| Line::of(service, &states, &caller)).collect(),
        file: person.hub.config.origin.file().display().to_string(),
        settings: settings(&person.hub.config),
    };
    Ok(answer::page(StatusCode::OK, &page))
}

/// `POST /hub/admin/service/NAME`: restarts a service that hubgate runs.
pub async fn restart(_: Proof, posted: Posted, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let told = |failure: Failure| failure.as_page(true, &hub.config);
    let caller = Caller::of_session(&hub, &session);
    let absent = || told(Failure::bare(StatusCode::NOT_FOUND));
    let name: ServiceName = name.parse().map_err(|_| absent())?;
    caller.require(&[Base::AdminServices], &Target::Service(&name)).map_err(told)?;
    if !managed::names(&hub).contains(&name) {
        return Err(absent());
    }
    managed::restart(&hub, &name).await.map_err(|error| {
        warn!("service {name} could not be restarted: {error}");
        let failure = Failure::new(StatusCode::BAD_GATEWAY, Message::new("system-restart-failed"));
        told(failure.remedy(Message::new("system-restart-remedy").with("name", &name)))
    })?;
    let what = serde_json::json!({ "restarted": true });
    audited(&hub, Action::ServiceChanged, name.as_str(), what).await.map_err(told)?;
    Ok(answer::redirect(&hub.url("/hub/admin/system")))
}

/// Each key, its value, and where it comes from. Secrets stand in files of their own: only their names are shown.
fn settings(config: &Config) -> Vec<Setting> {
    let setting = |(key, value)| Setting { key, value, line: config.origin.line(key) };
    config.values().into_iter().map(setting).collect()
}
