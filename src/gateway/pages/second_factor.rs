//! The step of a login after the password: a second proof.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use log::warn;
use webauthn_rs::prelude::PasskeyAuthentication;

use crate::answer::{Failure, Frame};
use crate::domain::form::Form;
use crate::extract::{Filled, Peer, Visitor, origin_of};
use crate::pages::signin;
use crate::pages::welcome::Arrival;
use crate::state::audit::login_refused;
use crate::state::factors::{self, Checked};
use crate::state::passkeys;
use crate::state::signins::Stage;
use crate::store::StoreError;
use crate::words::Message;

/// Codes that one login may get wrong.
const WRONG_MAX: u8 = 5;

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    frame: Frame,
    message: Option<Message>,
    app: bool,
    recovery: bool,
    /// What a passkey is asked, JSON; empty where there is none.
    passkey: String,
}

/// A login whose second factor is asked for.
struct Waiting<'a> {
    arrival: Arrival<'a>,
    wrong: u8,
    passkey: Option<Box<PasskeyAuthentication>>,
}

/// Asks for it.
///
/// # Errors
/// 503 when the step cannot be kept.
pub async fn ask(arrival: Arrival<'_>) -> Result<HttpResponse, Failure> {
    show(Waiting { arrival, wrong: 0, passkey: None }, (StatusCode::OK, None)).await
}

async fn show(
    Waiting { arrival, wrong, .. }: Waiting<'_>,
    (status, message): (StatusCode, Option<Message>),
) -> Result<HttpResponse, Failure> {
    let Arrival { visitor, request, ref proven, .. } = arrival;
    let hub = &visitor.hub;
    let failed = |error: StoreError| unavailable(visitor, &error);
    let held = factors::held(hub, &proven.user).await.map_err(failed)?;
    let asked = passkeys::ask(hub, origin_of(hub, request).as_ref(), &proven.user).await.map_err(failed)?;
    let (options, state) =
        asked.map_or_else(Default::default, |(options, state)| (options, Some(Box::new(state))));
    let (app, recovery) = (held.app_s.is_some(), held.recovery_codes > 0);
    arrival.wait(
        status,
        |proven| Stage::SecondFactor { proven, wrong, passkey: state },
        |frame| FactorPage { frame, message, app, recovery, passkey: options },
    )
}

/// `POST /hub/login/factor`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    // Out of the table while it is looked at, so that two tries at once are one.
    let signin = signin::resume(&visitor.hub, &request, &form)?;
    let Stage::SecondFactor { proven, wrong, passkey } = signin.stage else {
        return Err(Failure::see(visitor.hub.url("/hub/login")));
    };
    let arrival = Arrival { visitor: &visitor, request: &request, proven, next: signin.next };
    prove(&form, Waiting { arrival, wrong, passkey }).await
}

async fn prove(form: &Form, mut waiting: Waiting<'_>) -> Result<HttpResponse, Failure> {
    let Arrival { visitor, request, ref proven, .. } = waiting.arrival;
    let user = proven.user.clone();
    let (status, message) = match checked(form, &waiting).await? {
        Checked::Right => return waiting.arrival.welcome_twice().await,
        Checked::Wrong => (StatusCode::FORBIDDEN, Message::new("factor-wrong")),
        Checked::Wait(_) => (StatusCode::TOO_MANY_REQUESTS, Message::new("factor-wait")),
    };
    let from = Peer::of(request).0.addr;
    warn!("login failed from={from} user={user} reason=SecondFactor");
    visitor.hub.audit(&login_refused(&user, from, "second factor"));
    waiting.wrong = waiting.wrong.saturating_add(1);
    if waiting.wrong >= WRONG_MAX {
        let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, Message::new("factor-many"));
        return Err(visitor.failure(failure.remedy(Message::new("factor-many-remedy"))));
    }
    show(waiting, (status, Some(message))).await
}

/// Looks at the answer of a passkey, or else at the code.
async fn checked(form: &Form, waiting: &Waiting<'_>) -> Result<Checked, Failure> {
    let Arrival { visitor, request, ref proven, .. } = waiting.arrival;
    let (hub, user) = (&visitor.hub, &proven.user);
    let failed = |error: StoreError| unavailable(visitor, &error);
    let Some(answer) = form.get("answer") else {
        return factors::check(hub, user, form.get("code").unwrap_or_default()).await.map_err(failed);
    };
    let Some((origin, state)) = origin_of(hub, request).zip(waiting.passkey.as_deref()) else {
        return Ok(Checked::Wrong);
    };
    let proves = passkeys::proves(hub, &origin, user, (state, answer)).await.map_err(failed)?;
    Ok(if proves { Checked::Right } else { Checked::Wrong })
}

pub(super) fn unavailable(visitor: &Visitor, error: &StoreError) -> Failure {
    warn!("a second factor could not be checked or kept: {error}");
    visitor.failure(Failure::unavailable())
}
