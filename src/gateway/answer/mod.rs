//! How answers look: pages with their headers, JSON errors, redirects. The one place that maps refusals to HTTP.

pub mod assets;
pub mod failure;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use log::error;
use serde::Serialize;

use crate::state::{Hub, Session};

pub use failure::Failure;

/// Pages load from ourselves only, run no inline script, are framed by nobody, and share no browsing context with a page
/// that a user's server made: a script there that opens a hub page holds a window that reads as closed.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What programs get is not for browsers to show.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const VERSION: HeaderName = HeaderName::from_static("x-jupyterhub-version");

/// Version of JupyterHub whose API this hub speaks: clients compare it with their own.
pub const JUPYTERHUB_VERSION: &str = "6.1.1";

/// What every page shows around its own content.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Prefix of every link, without trailing slash.
    pub base_url: String,
    /// Who is logged in; empty for nobody.
    pub user: String,
    /// Token for the forms of this page; empty where it has none.
    pub xsrf: String,
}

impl Frame {
    /// The frame of a page for nobody in particular.
    #[must_use]
    pub fn anonymous(base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), user: String::new(), xsrf: String::new() }
    }

    /// The frame of a page for whoever has this session, with the token of its forms.
    #[must_use]
    pub fn of(hub: &Hub, session: &Session) -> Self {
        Self {
            base_url: hub.config.base_url.clone(),
            user: session.user.to_string(),
            xsrf: hub.key.session_token(&session.hash).unwrap_or_default(),
        }
    }

    /// Address of an embedded file.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        format!("{}/hub/static/{}", self.base_url, assets::address(name))
    }
}

/// Renders a page.
#[must_use]
pub fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => guarded(status).content_type(ContentType::html()).body(html),
        Err(fault) => {
            error!("a page could not be rendered: {fault}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// Renders a page whose form leads on to another site: browsers hold the policy of the page against redirects too. `origin` is
/// that site, `https://HOST[:PORT]`; empty for none.
#[must_use]
pub fn page_that_leads_to(status: StatusCode, template: &impl Template, origin: &str) -> HttpResponse {
    let mut response = page(status, template);
    let wider = POLICY.replace("form-action 'self'", format!("form-action 'self' {origin}").trim_end());
    if let Ok(policy) = HeaderValue::from_str(&wider) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A redirect for good to a path of ours, which browsers may remember.
#[must_use]
pub fn moved(path: &str) -> HttpResponse {
    guarded(StatusCode::MOVED_PERMANENTLY).insert_header((header::LOCATION, path)).finish()
}

/// A redirect to a path of ours. The target is built by us or has passed [`crate::domain::next::safe`].
#[must_use]
pub fn redirect(path: &str) -> HttpResponse {
    guarded(StatusCode::FOUND).insert_header((header::LOCATION, path)).finish()
}

/// JupyterHub's JSON form of an error. `message` is null where JupyterHub has nothing to say.
#[must_use]
pub fn json_error(status: StatusCode, message: Option<&str>) -> HttpResponse {
    json(status, &serde_json::json!({ "status": status.as_u16(), "message": message }))
}

/// An answer of the API.
#[must_use]
pub fn json(status: StatusCode, model: &impl Serialize) -> HttpResponse {
    program(status).json(model)
}

/// An answer of the API without a body. JupyterHub names a media type all the same, but for 204.
#[must_use]
pub fn empty(status: StatusCode) -> HttpResponse {
    match status {
        StatusCode::NO_CONTENT => program(status).finish(),
        _ => program(status).content_type("text/plain").finish(),
    }
}

/// A response of the API with its headers.
#[must_use]
pub fn program(status: StatusCode) -> HttpResponseBuilder {
    with_policy(status, API_POLICY)
}

/// A response with the headers that every answer of the hub carries.
#[must_use]
pub fn guarded(status: StatusCode) -> HttpResponseBuilder {
    with_policy(status, POLICY)
}

fn with_policy(status: StatusCode, policy: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (VERSION, JUPYTERHUB_VERSION),
    ];
    for (name, value) in fixed {
        response.insert_header((name, HeaderValue::from_static(value)));
    }
    response
}
