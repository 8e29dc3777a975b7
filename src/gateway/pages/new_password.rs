//! Another password before the session begins, for somebody whose own must be changed.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use log::info;

use crate::answer::Failure;
use crate::extract::{Filled, Peer};
use crate::pages::password::{PasswordPage, told, twice};
use crate::pages::signin;
use crate::pages::welcome::Arrival;
use crate::state::passwords;
use crate::state::signins::Stage;
use crate::words::Message;

/// Asks for it.
///
/// # Errors
/// 503 when the step cannot be kept.
pub fn ask(
    arrival: Arrival<'_>,
    status: StatusCode,
    message: Option<Message>,
) -> Result<HttpResponse, Failure> {
    let hub = &arrival.visitor.hub;
    let user = arrival.proven.login.as_str().to_owned();
    arrival.wait(status, Stage::NewPassword, |frame| {
        let words = ("password-choose-own", "password-choose-own-text");
        PasswordPage { message, user, ..PasswordPage::new(hub, frame, words, "/hub/login/password") }
    })
}

/// `POST /hub/login/password`.
pub async fn submit(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let signin = signin::resume(hub, &request, &form)?;
    let Stage::NewPassword(mut proven) = signin.stage else {
        return Err(Failure::see(hub.url("/hub/login")));
    };
    let set = match twice(&form) {
        Ok(password) => match passwords::set(hub, &proven.user, password).await {
            Ok(hash) => Ok(hash),
            Err(fault) => Err(told(&fault).map_err(|failure| visitor.failure(failure))?),
        },
        Err(message) => Err(message),
    };
    if let Ok(hash) = &set {
        info!("password changed from={} user={}", Peer::of(&request).0.addr, proven.user);
        proven.password_hash = Some(hash.clone());
    }
    let arrival = Arrival { visitor: &visitor, request: &request, proven, next: signin.next };
    match set {
        Ok(_) => arrival.settle().await,
        Err(message) => ask(arrival, StatusCode::BAD_REQUEST, Some(message)),
    }
}
