//! How answers look: pages with their headers, JSON errors, redirects. The one place that maps refusals to HTTP.

pub mod accent;
pub mod assets;
pub mod cause;
pub mod failure;
pub mod picture;
pub mod telling;

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;
use futures_util::{Stream, StreamExt};
use log::error;
use serde::Serialize;

use crate::config::Config;
use crate::domain::notice::Notice;
use crate::state::{Hub, Session};
use crate::words::{Language, Message};

pub use failure::Failure;
pub use telling::{Telling, Who};

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
    /// What the site calls itself.
    pub title: String,
    /// Who is logged in; empty for nobody.
    pub user: String,
    /// Token for the forms of this page; empty where it has none.
    pub xsrf: String,
    /// Whether whoever is logged in may open the administrators' pages.
    pub administers: bool,
    /// Whether passwords are kept here and changed here.
    pub passwords: bool,
    /// What is announced to whoever looks at it, the newest first.
    pub notices: Vec<Arc<Notice>>,
    /// What the hub itself has to tell an administrator.
    pub trouble: Option<Message>,
    /// Address of the site's logo.
    pub logo: String,
    /// Address of the sheet with the site's colour; empty where it has none.
    pub accent: String,
    /// What the site says below every page.
    pub footer: String,
    /// Whether the site has terms to read.
    pub terms: bool,
    /// For whom the page is.
    pub telling: Telling,
}

impl Frame {
    /// The frame of a page for nobody in particular.
    #[must_use]
    pub fn anonymous(config: &Config) -> Self {
        let telling = Telling::now();
        let below = |page: &str| format!("{}/hub/{page}", config.base_url);
        let own_logo = !config.logo_file.as_os_str().is_empty();
        Self {
            base_url: config.base_url.clone(),
            title: config.site_title.clone(),
            user: String::new(),
            xsrf: String::new(),
            administers: false,
            passwords: false,
            logo: if own_logo {
                below("logo")
            } else {
                below(&format!("static/{}", assets::address("icon.svg")))
            },
            accent: accent::name(config).map(|name| below(&format!("accent/{name}"))).unwrap_or_default(),
            footer: config.footer_text.clone(),
            terms: !config.terms_file.as_os_str().is_empty(),
            notices: telling.notices.clone(),
            trouble: None,
            telling,
        }
    }

    /// The frame of a page for whoever has this session, with the token of its forms.
    #[must_use]
    pub fn of(hub: &Hub, session: &Session) -> Self {
        Self::anonymous(&hub.config).with(Who::of(hub, session))
    }

    /// The frame of a page for whoever looks at it, where that is known.
    #[must_use]
    pub fn of_visitor(config: &Config) -> Self {
        let frame = Self::anonymous(config);
        match frame.telling.who.clone() {
            Some(who) => frame.with(who),
            None => frame,
        }
    }

    fn with(self, who: Who) -> Self {
        let Who { user, xsrf, administers, passwords, notices, trouble } = who;
        Self { user, xsrf, administers, passwords, notices, trouble, ..self }
    }

    /// A text of the catalogue that needs nothing put into it.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.telling.language.say(key)
    }

    /// A text with one thing put into it.
    #[must_use]
    pub fn put(&self, key: &'static str, name: &'static str, value: impl ToString) -> String {
        self.say(&Message::new(key).with(name, value))
    }

    /// A text about a number, which is its `$n`.
    #[must_use]
    pub fn count(&self, key: &'static str, number: impl Into<u64>) -> String {
        self.say(&Message::new(key).count("n", number.into()))
    }

    /// A text that was put together elsewhere.
    #[must_use]
    pub fn say(&self, message: &Message) -> String {
        message.in_language(self.telling.language)
    }

    /// The languages that one may choose: tag, own name, and whether it is the page's.
    #[must_use]
    pub fn languages(&self) -> [(&'static str, &'static str, bool); 2] {
        Language::ALL.map(|language| (language.tag(), language.name(), language == self.telling.language))
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

/// Server-sent events as they come: nothing before us, nginx either, waits until there are many.
pub fn events(texts: impl Stream<Item = String> + 'static) -> HttpResponse {
    program(StatusCode::OK)
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")))
        .streaming(texts.map(|text| Ok::<_, Infallible>(Bytes::from(text))))
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
