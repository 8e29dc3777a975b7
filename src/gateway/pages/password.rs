//! One's own password: changed by whoever knows the old one. Other sessions end.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::Refusal;
use log::{info, warn};

use crate::answer::{self, Failure, Frame};
use crate::config::Authenticator;
use crate::domain::form::Form;
use crate::domain::strength::Weakness;
use crate::extract::{Peer, Posted, SignedIn, Visitor};
use crate::pages::password_advice::advice;
use crate::pages::welcome::Arrival;
use crate::state::authenticate::attempt;
use crate::state::passwords::{self, PasswordFault};
use crate::state::{Hub, Session, blocking};
use crate::store::{User, users};
use crate::words::Message;

/// A page that asks for a new password, twice.
#[derive(Template)]
#[template(path = "password.html")]
pub struct PasswordPage {
    /// Around it.
    pub frame: Frame,
    /// Which of the tabs of one's account it is, for those who are in.
    pub tab: &'static str,
    /// What it is about.
    pub title: String,
    /// Why somebody is asked.
    pub text: String,
    /// Why the last try was not taken; none at first.
    pub message: Option<Message>,
    /// Where the form goes, below the base.
    pub action: &'static str,
    /// Whose password; empty where the page asks.
    pub user: String,
    /// Whether the old password is asked for.
    pub old: bool,
    /// Whether a password is asked for at all.
    pub password: bool,
    /// The secret of a one-time link.
    pub secret: String,
    /// Fewest characters.
    pub min_length: u32,
}

impl PasswordPage {
    /// A page for nobody yet, without a message. `title` and `text` are keys of the catalogue.
    #[must_use]
    pub fn new(hub: &Hub, frame: Frame, (title, text): (&str, &str), action: &'static str) -> Self {
        Self {
            title: frame.t(title),
            text: frame.t(text),
            frame,
            tab: "password",
            message: None,
            action,
            user: String::new(),
            old: false,
            password: true,
            secret: String::new(),
            min_length: hub.config.password_min_length,
        }
    }
}

/// The new password of a form, given twice alike.
///
/// # Errors
/// What to tell whoever typed it.
pub fn twice(form: &Form) -> Result<&str, Message> {
    let (first, second) = (form.get("password").unwrap_or_default(), form.get("again").unwrap_or_default());
    if first == second { Ok(first) } else { Err(Message::new("password-differ")) }
}

/// What a person is told of a password that was not set, if it is theirs to mend.
///
/// # Errors
/// 503 for everything else; the log has the cause.
pub fn told(fault: &PasswordFault) -> Result<Message, Failure> {
    match fault {
        PasswordFault::Weak(weakness) => Ok(weak(weakness)),
        PasswordFault::Used => Ok(Message::new("password-link-used")),
        PasswordFault::Store(error) => {
            warn!("a password could not be set: {error}");
            Err(Failure::unavailable())
        }
    }
}

fn page(hub: &Hub, session: &Session, status: StatusCode, message: Option<Message>) -> HttpResponse {
    let words = ("password-change", "password-change-text");
    let page = PasswordPage::new(hub, Frame::of(hub, session), words, "/hub/password");
    let user = session.user.to_string();
    answer::page(status, &PasswordPage { message, user, old: true, ..page })
}

/// `GET /hub/password`.
pub async fn form(person: SignedIn) -> Result<HttpResponse, Failure> {
    known(&person.hub, &person.session).await?;
    Ok(page(&person.hub, &person.session, StatusCode::OK, None))
}

/// Why a password is not good enough.
#[must_use]
pub fn weak(weakness: &Weakness) -> Message {
    match weakness {
        Weakness::Empty => Message::new("password-empty"),
        Weakness::Control => Message::new("password-control"),
        Weakness::Long => Message::new("password-long"),
        Weakness::Short(least) => Message::new("password-short").count("n", u64::from(*least)),
        Weakness::Guessable(feedback) => advice(feedback),
    }
}

/// The user, whose password is kept here.
async fn known(hub: &Hub, session: &Session) -> Result<User, Failure> {
    let elsewhere = || {
        Failure::new(StatusCode::NOT_FOUND, Message::new("password-elsewhere"))
            .remedy(Message::new("password-elsewhere-remedy"))
            .as_page(true, &hub.config)
    };
    if hub.config.authenticator != Authenticator::File {
        return Err(elsewhere());
    }
    let (store, name) = (hub.store.clone(), session.user.clone());
    let user = blocking(move || store.read(|c| users::by_name(c, &name))).await;
    let user = user.map_err(|error| {
        warn!("a user could not be read: {error}");
        Failure::unavailable().as_page(true, &hub.config)
    })?;
    user.filter(|user| user.password_hash.is_some()).ok_or_else(elsewhere)
}

/// `POST /hub/password`.
pub async fn submit(posted: Posted, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, form } = posted;
    let user = known(&hub, &session).await?;
    let again = |status, message: Message| Ok(page(&hub, &session, status, Some(message)));
    let new = match twice(&form) {
        Ok(new) => new,
        Err(message) => return again(StatusCode::BAD_REQUEST, message),
    };
    let from = Peer::of(&request).0.addr;
    let login = user.standing.login.as_ref().map_or(user.name.as_str(), |login| login.as_str());
    let mut proven = match attempt(&hub, login, form.get("old").unwrap_or_default(), from).await {
        Ok(proven) if proven.user == session.user => proven,
        Err(Refusal::Throttled { retry_after_s }) => {
            let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, Message::new("login-many"));
            return Err(failure.retry_after(retry_after_s).as_page(true, &hub.config));
        }
        _ => return again(StatusCode::FORBIDDEN, Message::new("password-old-wrong")),
    };
    match passwords::set(&hub, &session.user, new).await {
        Ok(hash) => proven.password_hash = Some(hash),
        Err(fault) => {
            let message = told(&fault).map_err(|failure| failure.as_page(true, &hub.config))?;
            return again(StatusCode::BAD_REQUEST, message);
        }
    }
    info!("password changed from={from} user={}", session.user);
    let home = hub.url("/hub/home");
    let visitor = Visitor { hub, session: None, html: true };
    Arrival { visitor: &visitor, request: &request, proven, next: Some(home) }.begin().await
}
