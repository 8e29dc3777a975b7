//! A request that ends here: what the client is told, as page or as JSON. Causes go to the log where they happen.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use log::info;

use crate::answer::{self, Frame};
use crate::config::Config;
use crate::words::{Language, Message, Sentence};

/// An error answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    sentence: Option<Box<Sentence>>,
    remedy: Option<Box<Sentence>>,
    retry_after_s: Option<u32>,
    redirect: Option<String>,
    page: Option<Box<Frame>>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: &'a Frame,
    status: u16,
    reason: String,
    sentence: String,
    remedy: String,
}

impl Failure {
    /// A failure with a sentence for the client: a [`Message`] where people may read it, a plain text where only programs do.
    /// It is JSON, in English, until [`Failure::as_page`] says otherwise.
    #[must_use]
    pub fn new(status: StatusCode, sentence: impl Into<Sentence>) -> Self {
        Self { sentence: Some(Box::new(sentence.into())), ..Self::bare(status) }
    }

    /// A failure that says no more than its status, as JupyterHub does in places.
    #[must_use]
    pub fn bare(status: StatusCode) -> Self {
        Self { status, sentence: None, remedy: None, retry_after_s: None, redirect: None, page: None }
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Sentence>) -> Self {
        self.remedy = Some(Box::new(remedy.into()));
        self
    }

    /// Adds when it makes sense to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Answers with a page of this site, in the visitor's language and with their navigation, if `html` is true.
    #[must_use]
    pub fn as_page(mut self, html: bool, config: &Config) -> Self {
        self.page = html.then(|| {
            let mut frame = Frame::of_visitor(config);
            // Nobody wants to come back to an error.
            frame.telling.page.clear();
            Box::new(frame)
        });
        self
    }

    /// No error at all for a person: go there instead.
    #[must_use]
    pub fn see(path: String) -> Self {
        Self { redirect: Some(path), ..Self::bare(StatusCode::FOUND) }
    }

    fn sentence(&self, language: Language) -> String {
        let words = self.sentence.as_ref().map(|sentence| sentence.in_language(language));
        words.unwrap_or_else(|| self.reason().to_owned())
    }

    /// What the page says: the sentence, or what the status is called.
    fn page_sentence(&self, language: Language) -> String {
        let named = || language.say(status_key(self.status));
        self.sentence.as_ref().map_or_else(named, |sentence| sentence.in_language(language))
    }

    /// What it says, in that language; `None` where it says no more than its status.
    #[must_use]
    pub fn said(&self, language: Language) -> Option<String> {
        self.sentence.as_ref().map(|sentence| sentence.in_language(language))
    }

    fn reason(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// The database cannot do its part now.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Message::new("error-unavailable"))
            .remedy(Message::new("error-unavailable-remedy"))
            .retry_after(5)
    }

    fn page(&self, frame: &Frame) -> HttpResponse {
        let language = frame.telling.language;
        info!(
            "error page status={} reference={}: {}",
            self.status.as_u16(),
            frame.telling.reference,
            self.sentence(Language::English)
        );
        let page = ErrorPage {
            frame,
            status: self.status.as_u16(),
            reason: language.say(status_key(self.status)),
            sentence: self.page_sentence(language),
            remedy: match &self.remedy {
                Some(remedy) => remedy.in_language(language),
                None => language.say(remedy_key(self.status)),
            },
        };
        answer::page(self.status, &page)
    }

    fn json(&self) -> HttpResponse {
        let message = self.sentence.as_ref().map(|sentence| sentence.in_language(Language::English));
        answer::json_error(self.status, message.as_deref())
    }
}

/// What a status is called.
fn status_key(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "status-400",
        401 => "status-401",
        403 => "status-403",
        404 => "status-404",
        405 => "status-405",
        409 => "status-409",
        413 => "status-413",
        415 => "status-415",
        424 => "status-424",
        429 => "status-429",
        500 => "status-500",
        502 => "status-502",
        503 => "status-503",
        _ => "status-other",
    }
}

/// What helps against most failures of a status.
fn remedy_key(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "remedy-401",
        403 => "remedy-403",
        404 => "remedy-404",
        409 => "remedy-409",
        413 => "remedy-413",
        429 => "remedy-429",
        500.. => "remedy-502",
        _ => "remedy-400",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(Language::English))
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        if let Some(path) = &self.redirect {
            return answer::redirect(path);
        }
        let mut response = self.page.as_ref().map_or_else(|| self.json(), |frame| self.page(frame));
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
