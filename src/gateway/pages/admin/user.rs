//! `GET /hub/admin/user/NAME`: one user, what is theirs, and what can be done about them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use hubgate_protocol::{Phase, ServerId, ServerName, Username};

use super::administrator;
use super::limits::{Faults, LimitsForm, saved};
use super::line::{Now, day, dot, standing};
use crate::answer::cause::{self, Told};
use crate::answer::{self, Failure, Frame};
use crate::api::limits::Whose;
use crate::api::user::found;
use crate::config::Authenticator;
use crate::domain::scope::{Base, Target};
use crate::domain::time::minute;
use crate::extract::{Caller, Posted, SignedIn};
use crate::pages::admin::belongings::Belongings;
use crate::pages::card::memory_kill;
use crate::spawn::client::LOG_LINES;
use crate::state::entries::is_at_home;
use crate::state::live::Live;
use crate::store::User;
use crate::words::Message;

#[derive(Template)]
#[template(path = "admin_user.html")]
struct UserPage {
    frame: Frame,
    tab: &'static str,
    name: String,
    login: String,
    display_name: String,
    admin: bool,
    /// By the database, so that it can be taken away here.
    appointed: bool,
    groups: Vec<String>,
    roles: Vec<String>,
    /// Key of the word for their standing; empty for the good one.
    standing: &'static str,
    disabled: bool,
    expires: String,
    created: String,
    last_login: String,
    activity: String,
    servers: Vec<ServerLine>,
    belongings: Belongings,
    /// What they may use, for whoever may change it.
    limits: Option<LimitsForm>,
    /// What has just been saved.
    saved: Option<Message>,
    /// Whether passwords are kept here.
    file: bool,
    may_change: bool,
    may_delete: bool,
    may_start: bool,
    may_stop: bool,
}

/// One server.
struct ServerLine {
    id: ServerId,
    name: String,
    now: Now,
    /// That the kernel killed a process of it.
    killed: Option<Message>,
    /// Why it has failed.
    failure: Option<Failed>,
    /// Something of it goes on, so that it can be stopped.
    active: bool,
    /// Whether whoever looks may go there.
    enter: bool,
    segments: String,
}

/// What its owner reads of a server that has failed.
struct Failed {
    cause: Told,
    /// Its last lines, for those who may see its inner state.
    log: Vec<String>,
}

/// Shows the page to whoever may list that user.
///
/// # Errors
/// 403 for who may open no page of administrators; 404 for users whom they may not list, and who are not there.
pub async fn show(
    person: SignedIn,
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    let told = |failure| person.failure(failure);
    let name = caller.user(&[Base::ListUsers], &name).map_err(told)?;
    let (user, _) = found(&person.hub, &name).await.map_err(told)?;
    let page = page(&caller, person.frame(), &user).await;
    Ok(answer::page(StatusCode::OK, &UserPage { saved: saved(&request), ..page }))
}

/// The page with limits that were sent, and what is wrong with them.
///
/// # Errors
/// When the user is gone.
pub async fn refused(
    caller: &Caller,
    posted: &Posted,
    name: &str,
    faults: &Faults,
) -> Result<HttpResponse, Failure> {
    let name = caller.user(&[Base::AdminUsers], name)?;
    let (user, _) = found(&posted.hub, &name).await?;
    let page = page(caller, Frame::of(&posted.hub, &posted.session), &user).await;
    let limits = page.limits.map(|limits| limits.refused(&posted.form, faults));
    Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &UserPage { limits, ..page }))
}

async fn page(caller: &Caller, frame: Frame, user: &User) -> UserPage {
    let mut page = lasting(caller, frame, user);
    for server in &mut page.servers {
        server.failure = failure(caller, &server.id).await;
    }
    page
}

/// All of it but why servers have failed, which their journal tells.
fn lasting(caller: &Caller, frame: Frame, user: &User) -> UserPage {
    let (name, of_user) = (&user.name, &user.standing);
    let may = |base| caller.may(&base, &Target::User(name));
    let time = |at_s: i64| minute(at_s.saturating_mul(1_000_000));
    UserPage {
        tab: "users",
        name: name.to_string(),
        login: of_user.login.as_ref().map(ToString::to_string).unwrap_or_default(),
        display_name: of_user.display_name.clone().unwrap_or_default(),
        admin: caller.directory.is_admin(name),
        appointed: user.admin,
        groups: caller.directory.groups_of(name).iter().map(ToString::to_string).collect(),
        roles: caller.directory.roles_of_user(name).into_iter().map(str::to_owned).collect(),
        standing: standing(user, caller.hub.clock.now_s()),
        disabled: of_user.disabled,
        expires: of_user.expires_s.map(day).unwrap_or_default(),
        created: time(user.created_s),
        last_login: user.last_login_s.map(time).unwrap_or_default(),
        activity: user.last_activity_us.map(minute).unwrap_or_default(),
        servers: if may(Base::ReadServers) { servers(caller, &frame, name) } else { Vec::new() },
        belongings: Belongings::of(caller, name, frame.telling.language),
        limits: may(Base::AdminUsers)
            .then(|| LimitsForm::of(&caller.hub, &frame, &Whose::User(name.clone()))),
        saved: None,
        file: caller.hub.config.authenticator == Authenticator::File,
        may_change: may(Base::AdminUsers),
        may_delete: may(Base::DeleteUsers),
        may_start: may(Base::StartServers),
        may_stop: may(Base::DeleteServers),
        frame,
    }
}

async fn failure(caller: &Caller, id: &ServerId) -> Option<Failed> {
    let status = caller.hub.servers.status(id);
    if status.phase != Phase::Failed {
        return None;
    }
    let log = caller.hub.spawner.journal(id, LOG_LINES).await.unwrap_or_default();
    let cause = cause::told(status.exit.as_ref(), &log);
    let shown = caller.may(&Base::AdminServerState, &Target::Server(id));
    Some(Failed { cause, log: if shown { log } else { Vec::new() } })
}

/// Whether the link into the server leads anywhere.
fn may_enter(caller: &Caller, id: &ServerId) -> bool {
    let at_home = |person| is_at_home(&caller.directory, person, id);
    caller.may(&Base::AccessServers, &Target::Server(id))
        && (caller.hub.config.admin_access || caller.owner.user().is_some_and(at_home))
}

fn servers(caller: &Caller, frame: &Frame, user: &Username) -> Vec<ServerLine> {
    let named = caller.directory.named_servers(user).iter().cloned();
    let one = |server| {
        let id = ServerId { user: user.clone(), server };
        let phase = caller.hub.servers.phase(&id);
        let usage = caller.hub.meters.of(&id);
        let live = Live {
            phase,
            memory_mib: usage.memory.map(|bytes| bytes.div_ceil(1024 * 1024)),
            cpu_percent: usage.cpu_percent,
        };
        let state = frame.t(dot(phase).1);
        ServerLine {
            now: Now { state, ..Now::of(Some(&live), frame.telling.language) },
            failure: None,
            killed: caller.hub.memory_kill(&id).map(memory_kill),
            active: matches!(phase, Phase::Running | Phase::Starting),
            enter: may_enter(caller, &id),
            segments: id.segments(),
            name: id.server.to_string(),
            id,
        }
    };
    std::iter::once(ServerName::default()).chain(named).map(one).collect()
}
