//! The step of a login in which somebody sets up the second factor that the site demands of them.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use hubgate_protocol::Username;

use crate::answer::{self, Failure, Frame, picture};
use crate::domain::form::Form;
use crate::extract::{Filled, Visitor, origin_of};
use crate::pages::factors::{RecoveryPage, issuer, told};
use crate::pages::second_factor::unavailable;
use crate::pages::signin;
use crate::pages::welcome::Arrival;
use crate::state::factors::{self, Enrolled, Offer};
use crate::state::passkeys::{self, Added, Ceremony};
use crate::state::signins::Stage;
use crate::store::StoreError;
use crate::words::Message;

#[derive(Template)]
#[template(path = "enrolment.html")]
struct EnrolmentPage {
    frame: Frame,
    message: Option<Message>,
    picture: String,
    offer: Offer,
    /// Absent where the site can have no passkeys.
    ceremony: Option<Ceremony>,
}

/// Asks for it.
///
/// # Errors
/// 503 when the step cannot be kept.
pub async fn ask(arrival: Arrival<'_>) -> Result<HttpResponse, Failure> {
    let hub = &arrival.visitor.hub;
    let offer = factors::offer(hub, &arrival.proven.user, &issuer(hub, arrival.request));
    show(arrival, offer, (StatusCode::OK, None)).await
}

async fn show(
    arrival: Arrival<'_>,
    offer: Option<Offer>,
    (status, message): (StatusCode, Option<Message>),
) -> Result<HttpResponse, Failure> {
    let Arrival { visitor, request, ref proven, .. } = arrival;
    let offer = offer.ok_or_else(|| visitor.failure(Failure::unavailable()))?;
    let picture = picture::qr(&offer.url).unwrap_or_default();
    let ceremony = match origin_of(&visitor.hub, request) {
        Some(origin) => passkeys::offer(&visitor.hub, &origin, &proven.user).await,
        None => Ok(None),
    };
    let ceremony = ceremony.map_err(|error| unavailable(visitor, &error))?;
    arrival.wait(status, Stage::Enrolment, |frame| EnrolmentPage { frame, message, picture, offer, ceremony })
}

/// `POST /hub/login/enrolment`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let signin = signin::resume(hub, &request, &form)?;
    let Stage::Enrolment(proven) = signin.stage else {
        return Err(Failure::see(hub.url("/hub/login")));
    };
    let arrival = Arrival { visitor: &visitor, request: &request, proven, next: signin.next };
    match enrolled(&visitor, &request, &form, &arrival.proven.user).await? {
        Ok(codes) => {
            let target = arrival.next.clone().unwrap_or_else(|| hub.url("/hub/"));
            let entered = arrival.welcome_twice().await?;
            Ok(shown_once(&visitor, &entered, codes, target))
        }
        Err((offer, message)) => show(arrival, offer, (StatusCode::FORBIDDEN, message)).await,
    }
}

/// The recovery codes of somebody who has set a factor up; else another offer of an app, and what is wrong.
type Outcome = Result<Vec<String>, (Option<Offer>, Option<Message>)>;

async fn enrolled(
    visitor: &Visitor,
    request: &HttpRequest,
    form: &Form,
    user: &Username,
) -> Result<Outcome, Failure> {
    let (hub, field) = (&visitor.hub, |name| form.get(name).unwrap_or_default());
    let failed = |error: StoreError| unavailable(visitor, &error);
    let issuer = issuer(hub, request);
    let answer = form.get("answer").and_then(|answer| Some((origin_of(hub, request)?, answer)));
    if let Some((origin, answer)) = answer {
        let answers = (field("ceremony"), answer);
        let added = passkeys::add(hub, &origin, user, answers, field("name")).await.map_err(failed)?;
        return Ok(match added {
            Added::Done(codes) => Ok(codes),
            other => Err((factors::offer(hub, user, &issuer), told(&other))),
        });
    }
    let sealed = field("app");
    Ok(match factors::enrol(hub, user, sealed, field("code")).await.map_err(failed)? {
        Enrolled::Done(codes) => Ok(codes),
        Enrolled::Wrong => {
            Err((factors::reoffer(hub, user, &issuer, sealed), Some(Message::new("factor-code-wrong"))))
        }
        Enrolled::Stale => Err((factors::offer(hub, user, &issuer), Some(Message::new("factor-app-late")))),
    })
}

/// The recovery codes of somebody who has just come in, with the cookies of their new session.
fn shown_once(visitor: &Visitor, entered: &HttpResponse, codes: Vec<String>, next: String) -> HttpResponse {
    let page = RecoveryPage { frame: Frame::anonymous(&visitor.hub.config), codes, next };
    let mut response = answer::page(StatusCode::OK, &page);
    for cookie in entered.headers().get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}
