//! The running gateway: routes, the listening socket, and a graceful end.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::web::PayloadConfig;
use actix_web::{App, HttpServer, Route, guard, web};
use log::{info, warn};
use nix::unistd::Gid;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::api::body::BODY_MAX;
use crate::api::{self, health, metrics};
use crate::check::{auth, fallback};
use crate::clock::Clock;
use crate::config::{Config, ConfigErrors, services};
use crate::extract::posted::FORM_MAX;
use crate::extract::telling;
use crate::pages::{
    accept_share, entered, factors, home, language, login, logout, provider, root, share, spawn, stop, token,
};
use crate::pages::{admin, conversation, keep, notices, reauthenticate, sessions, user_redirect};
use crate::pages::{
    enrolment, new_password, passkey_login, password, second_factor, set_password, setup, terms,
};
use crate::state::audit::started;
use crate::state::{
    Hub, Providers, Site, admission, appearance, founding, key, line, logins, reload, setup as first,
};
use crate::store::{Store, spellings};
use crate::tasks;

/// Seconds that answers under way may take after SIGTERM.
const GRACE_S: u64 = 10;
/// How long the first answer waits for the states of servers.
const STATES_WITHIN: Duration = Duration::from_secs(5);
/// Threads for database and hashing work.
const BLOCKING_THREADS: usize = 4;
/// No timer of ours runs per request: nginx alone can open the socket, it sends whole heads and closes what is idle for 60 s.
const NO_TIMER: Duration = Duration::ZERO;

/// Why the gateway cannot start, in one line for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("database: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The key file.
    #[error("key: {0}")]
    Key(#[from] key::KeyError),
    /// The services file.
    #[error("{0}")]
    Services(#[from] ConfigErrors),
    /// A service or a role.
    #[error("{0}: {1}")]
    Site(String, String),
    /// The socket or a thread.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// An identity provider.
    #[error("{0}")]
    Provider(String),
    /// The group that may open the socket.
    #[error("listen_group: there is no group {0}")]
    Group(String),
}

/// Every route of the hub; the tests build their app with it too.
pub fn routes(base_url: &str, service: &mut web::ServiceConfig) {
    let hub = web::scope("/hub")
        .route("", get().to(root::front))
        .route("/", get().to(root::hub))
        .configure(signing_in)
        .route("/language", web::post().to(language::choose))
        .route("/home", get().to(home::home))
        .route("/home/servers", get().to(home::fresh))
        .route("/spawn", get().to(spawn::own))
        .route("/spawn", web::post().to(spawn::submit_own))
        .route("/spawn/{owner}", get().to(spawn::ask))
        .route("/spawn/{owner}", web::post().to(spawn::submit))
        .route("/spawn/{owner}/", web::post().to(spawn::submit_new))
        .route("/spawn/{owner}/{server}", get().to(spawn::ask))
        .route("/spawn/{owner}/{server}", web::post().to(spawn::submit))
        .route("/spawn-pending/{owner}", get().to(spawn::pending))
        .route("/spawn-pending/{owner}/{server}", get().to(spawn::pending))
        .route("/stop/{owner}", web::post().to(stop::submit))
        .route("/stop/{owner}/{server}", web::post().to(stop::submit))
        .configure(keeping)
        .configure(limiting)
        .route("/user-redirect", get().to(user_redirect::forward))
        .route("/user-redirect/{tail:.*}", get().to(user_redirect::forward))
        .configure(giving)
        .configure(administering)
        .configure(overseeing)
        .route("/health", get().to(health::health))
        .route("/metrics", get().to(metrics::metrics))
        .service(web::scope("/api").app_data(PayloadConfig::new(BODY_MAX)).configure(api::routes))
        .route("/ca.crt", get().to(root::ca_certificate))
        .route("/logo", get().to(root::logo))
        .route("/accent/{name}", get().to(root::accent))
        .route("/terms", get().to(terms::read))
        .route("/static/{address:.*}", get().to(root::asset))
        .default_service(web::to(root::not_found))
        .wrap(from_fn(metrics::measured));
    service
        .app_data(PayloadConfig::new(FORM_MAX))
        .route("/auth", get().to(auth::auth))
        .service(
            web::scope(base_url)
                .wrap(from_fn(telling))
                .route("", get().to(root::front))
                .route("/", get().to(root::front))
                .service(hub)
                .route("/user/{tail:.*}", web::to(fallback::fallback))
                .route("/services/{tail:.*}", web::to(fallback::fallback)),
        )
        .default_service(web::to(root::not_found));
}

/// What lets others act: tokens, applications, shares; and their end, for whoever administers a user.
fn giving(hub: &mut web::ServiceConfig) {
    hub.route("/token", get().to(token::list))
        .route("/token", web::post().to(token::create))
        .route("/token/revoke", web::post().to(token::revoke))
        .route("/token/revoke-all", web::post().to(token::revoke_all))
        .route("/accept-share", get().to(accept_share::ask))
        .route("/accept-share", web::post().to(accept_share::submit))
        .route("/share/{owner}", get().to(share::show))
        .route("/share/{owner}", web::post().to(share::submit))
        .route("/share/{owner}/{server}", get().to(share::show))
        .route("/share/{owner}/{server}", web::post().to(share::submit))
        .route("/admin/user/{name}/sessions", web::post().to(admin::belongings::end_sessions))
        .route("/admin/user/{name}/tokens", web::post().to(admin::belongings::revoke_tokens));
}

/// Users and groups.
fn administering(hub: &mut web::ServiceConfig) {
    hub.route("/admin", get().to(admin::list))
        .route("/admin/groups", get().to(admin::groups::list))
        .route("/admin/groups", web::post().to(admin::groups::create))
        .route("/admin/group/{name}", get().to(admin::groups::show))
        .route("/admin/group/{name}", web::post().to(admin::groups::act))
        .route("/admin/roles", get().to(admin::roles::show))
        .route("/admin/user/{name}", get().to(admin::user::show))
        .route("/admin/rows", get().to(admin::rows))
        .route("/admin/events", get().to(admin::events::stream))
        .route("/admin/many", web::post().to(admin::many::submit))
        .route("/admin/add", web::post().to(admin::add::submit))
        .route("/admin/users/{name}", web::post().to(admin::act::submit))
        .route("/admin/users.csv", get().to(admin::import::export))
        .service(
            web::resource("/admin/import")
                .app_data(PayloadConfig::new(BODY_MAX))
                .route(web::post().to(admin::import::look)),
        )
        .route("/admin/import/apply", web::post().to(admin::import::apply));
}

/// What servers may use, for users and groups, and what exams leave of it.
fn limiting(hub: &mut web::ServiceConfig) {
    hub.route("/admin/limits/user/{name}", web::post().to(admin::limits::user))
        .route("/admin/limits/group/{name}", web::post().to(admin::limits::group))
        .route("/admin/exam/{name}", web::post().to(admin::limits::exam));
}

/// What people are told, on our pages and on those of their servers, and how servers are kept.
fn keeping(hub: &mut web::ServiceConfig) {
    hub.route("/notices/{owner}", get().to(notices::list))
        .route("/notices/{owner}/{server}", get().to(notices::list))
        .route("/keep/{owner}", web::post().guard(by_script()).to(keep::by_script))
        .route("/keep/{owner}", web::post().to(keep::submit))
        .route("/keep/{owner}/{server}", web::post().guard(by_script()).to(keep::by_script))
        .route("/keep/{owner}/{server}", web::post().to(keep::submit))
        .route("/admin/announcements", get().to(admin::announcements::list))
        .route("/admin/announcements", web::post().to(admin::announcements::create))
        .route("/admin/announcements/{name}", web::post().to(admin::announcements::act));
}

/// A header that no form can send: see [`keep::by_script`].
fn by_script() -> impl guard::Guard {
    guard::Header("x-hubgate-keep", "1")
}

/// The audit log, the servers of others, and what the hub stands on.
fn overseeing(hub: &mut web::ServiceConfig) {
    hub.route("/admin/audit", get().to(admin::audit::list))
        .route("/admin/audit.csv", get().to(admin::audit::csv))
        .route("/admin/audit.jsonl", get().to(admin::audit::json_lines))
        .route("/admin/system", get().to(admin::system::show))
        .route("/admin/service/{name}", web::post().to(admin::system::restart))
        .route("/admin/enter/{owner}", get().to(admin::enter::ask))
        .route("/admin/enter/{owner}", web::post().to(admin::enter::submit))
        .route("/admin/enter/{owner}/{server}", get().to(admin::enter::ask))
        .route("/admin/enter/{owner}/{server}", web::post().to(admin::enter::submit))
        .route("/admin/leave/{owner}", web::post().to(admin::enter::leave))
        .route("/admin/leave/{owner}/{server}", web::post().to(admin::enter::leave));
}

/// How people come in, stay in and leave.
fn signing_in(hub: &mut web::ServiceConfig) {
    hub.route("/login", get().to(login::form))
        .route("/login", web::post().to(login::submit))
        .route("/login/passkey", get().to(passkey_login::form))
        .route("/login/passkey", web::post().to(passkey_login::submit))
        .route("/login/factor", web::post().to(second_factor::submit))
        .route("/login/enrolment", web::post().to(enrolment::submit))
        .route("/login/terms", web::post().to(terms::submit))
        .route("/factors", get().to(factors::list))
        .route("/factors/app", get().to(factors::offer_app))
        .route("/factors/app", web::post().to(factors::add_app))
        .route("/factors/passkey", get().to(factors::offer_passkey))
        .route("/factors/passkey", web::post().to(factors::add_passkey))
        .route("/factors/rename", web::post().to(factors::rename))
        .route("/factors/recovery", web::post().to(factors::renew_codes))
        .route("/factors/remove", web::post().to(factors::remove))
        .route("/login/continue", web::post().to(conversation::submit))
        .route("/login/password", web::post().to(new_password::submit))
        .route("/password", get().to(password::form))
        .route("/password", web::post().to(password::submit))
        .route("/set-password/{secret}", get().to(set_password::form))
        .route("/set-password", web::post().to(set_password::submit))
        .route("/setup", get().to(setup::refused))
        .route("/setup", web::post().to(setup::submit))
        .route("/setup/{secret}", get().to(setup::form))
        .route("/oauth_login", get().to(provider::leave))
        .route("/oauth_callback", get().to(provider::callback))
        .route("/logout", get().to(logout::ask))
        .route("/logout", web::post().to(logout::submit))
        .route("/reauthenticate", get().to(reauthenticate::ask))
        .route("/reauthenticate", web::post().to(reauthenticate::submit))
        .route("/sessions", get().to(sessions::list))
        .route("/sessions/end", web::post().to(sessions::end))
        .route("/history", get().to(entered::history))
        .route("/sessions/end-others", web::post().to(sessions::end_others));
}

/// GET, and HEAD, which is the same without its body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Opens the database and the key, and puts the state together.
///
/// # Errors
/// See [`StartError`].
pub fn hub(config: Config, clock: Clock) -> Result<Hub, StartError> {
    let store = Store::open(&config.database())?;
    if let Err(error) = store.reserve() {
        warn!("no room is kept in the database for when the disk is full: {error}");
    }
    let key = key::load_or_make(&config.key())?;
    let described = services::load(&config.services_file)?;
    let site = Site::new(&config, &described, &key).map_err(|complaints| {
        StartError::Site(config.services_file.display().to_string(), complaints.join("; "))
    })?;
    for name in site.unknown_services() {
        warn!("load_roles: there is no service {name}; the role waits for one that is made at run time");
    }
    let providers = Providers::load(&config).map_err(StartError::Provider)?;
    store.write(|c| founding::lay(c, &config, clock.now_s()))?;
    store.write(spellings::fill)?;
    Ok(Hub::new(config, (site, providers), clock, store, key))
}

/// Runs the gateway until SIGTERM or SIGINT.
///
/// # Errors
/// See [`StartError`].
pub fn run(config: Config) -> Result<(), StartError> {
    let listener = listener(&config)?;
    admission::closed(&config).into_iter().for_each(|sentence| warn!("{sentence}"));
    appearance::complaints(&config).into_iter().for_each(|sentence| warn!("{sentence}"));
    let hub = web::Data::new(hub(config, Clock::System)?);
    actix_web::rt::System::new().block_on(serve(hub, listener))
}

async fn serve(hub: web::Data<Hub>, listener: UnixListener) -> Result<(), StartError> {
    reload::reload(&hub).await?;
    first::announce(&hub).await;
    let tasks = tasks::start(&hub);
    // Until the states of servers are known every one of them would look stopped; requests wait in the socket meanwhile.
    if !hub.servers.known(STATES_WITHIN).await {
        warn!("the states of servers are not known yet; until they are, every server counts as stopped");
    }
    line::restore(&hub);
    let (shared, workers) = (hub.clone(), hub.config.workers);
    let server = HttpServer::new(move || {
        let base_url = shared.config.base_url.clone();
        App::new().app_data(shared.clone()).configure(|service| routes(&base_url, service))
    })
    .workers(usize::from(workers))
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .keep_alive(KeepAlive::Os)
    .client_request_timeout(NO_TIMER)
    .client_disconnect_timeout(NO_TIMER)
    .shutdown_timeout(GRACE_S)
    .disable_signals()
    .listen_uds(listener)?
    .run();
    hub.audit(&started(&hub.config));
    actix_web::rt::spawn(end_on_signal(hub.clone(), server.handle()));
    info!("ready base_url={} sessions={}", hub.config.base_url, hub.sessions.count());
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    server.await?;
    tasks.end().await;
    if let Err(error) = logins::save_seen(&hub).await {
        warn!("times of last use could not be written: {error}");
    }
    if let Err(error) = hub.audit_written().await {
        warn!("the audit log could not be written; its last events are in the journal alone: {error}");
    }
    if let Err(error) = hub.uplinks.save(&hub.config.websockets()) {
        warn!("open websockets could not be written down: {error}");
    }
    if let Err(error) = line::save(&hub) {
        warn!("starts in line could not be written down: {error}");
    }
    Ok(())
}

async fn end_on_signal(hub: web::Data<Hub>, server: ServerHandle) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    info!("ending");
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    hub.closing.send_replace(true);
    server.stop(true).await;
}

/// The socket that systemd passed, or one of our own where it did not.
fn listener(config: &Config) -> Result<UnixListener, StartError> {
    if let Some(inherited) = listenfd::ListenFd::from_env().take_unix_listener(0)? {
        return Ok(inherited);
    }
    let path = &config.listen;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let socket = UnixListener::bind(path).map_err(named)?;
    let gid = config.listen_group.gid().ok_or_else(|| StartError::Group(config.listen_group.to_string()))?;
    nix::unistd::chown(path, None, Some(Gid::from_raw(gid))).map_err(|errno| named(errno.into()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(config.listen_mode.0)).map_err(named)?;
    Ok(socket)
}
