//! The language of the pages, which each visitor may choose.

use actix_web::cookie::time::Duration as CookieAge;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::answer::{self, Failure};
use crate::domain::{cookie, next};
use crate::extract::Filled;
use crate::pages::next_in;
use crate::pages::welcome::{hub_cookie, set_cookie};
use crate::words::{Language, Message};

/// How long the choice is kept: as long as browsers keep a cookie at most.
const KEPT: CookieAge = CookieAge::days(400);

/// `POST /hub/language`: nobody is harmed by a language, so the form needs no token, only to be sent from here.
pub async fn choose(Filled { visitor, form }: Filled, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let hub = &visitor.hub;
    let language = form.get("language").and_then(Language::of_tag).ok_or_else(|| {
        visitor.failure(Failure::new(StatusCode::BAD_REQUEST, Message::new("error-language")))
    })?;
    let login = || next::login(&hub.config.base_url, form.get("next")?).map(str::to_owned);
    let page = next_in(hub, &form).or_else(login);
    let mut response = answer::redirect(&page.unwrap_or_else(|| hub.url("/hub/home")));
    let mut chosen = hub_cookie(hub, &request, cookie::LANGUAGE, language.tag(), KEPT);
    chosen.set_path(hub.url("/hub/"));
    set_cookie(&mut response, &chosen);
    Ok(response)
}
