//! A request that ends here: what the client is told, as page or as JSON. Causes go to the log where they happen.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use crate::answer::{self, Frame};

/// An error answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    sentence: Option<String>,
    remedy: String,
    retry_after_s: Option<u32>,
    redirect: Option<String>,
    page_for: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    status: u16,
    reason: &'a str,
    sentence: &'a str,
    remedy: &'a str,
}

impl Failure {
    /// A failure with a sentence for the client. It is JSON until [`Failure::as_page`] says otherwise.
    #[must_use]
    pub fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { sentence: Some(sentence.into()), ..Self::bare(status) }
    }

    /// A failure that says no more than its status, as JupyterHub does in places.
    #[must_use]
    pub fn bare(status: StatusCode) -> Self {
        let remedy = String::new();
        Self { status, sentence: None, remedy, retry_after_s: None, redirect: None, page_for: None }
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Adds when it makes sense to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Answers with a page under `base_url` if `html` is true.
    #[must_use]
    pub fn as_page(mut self, html: bool, base_url: &str) -> Self {
        self.page_for = html.then(|| base_url.to_owned());
        self
    }

    /// No error at all for a person: go there instead.
    #[must_use]
    pub fn see(path: String) -> Self {
        let mut failure = Self::new(StatusCode::FOUND, "see another page");
        failure.redirect = Some(path);
        failure
    }

    fn sentence(&self) -> &str {
        self.sentence.as_deref().or(self.status.canonical_reason()).unwrap_or("Error")
    }

    /// The database cannot do its part now.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The hub cannot do this right now.")
            .remedy("Try again in a moment. If it stays like this, tell the administrator: the log of the hub has the cause.")
            .retry_after(5)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
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
        let mut response = match &self.page_for {
            None => answer::json_error(self.status, self.sentence.as_deref()),
            Some(base_url) => answer::page(
                self.status,
                &ErrorPage {
                    frame: Frame::anonymous(base_url),
                    status: self.status.as_u16(),
                    reason: self.status.canonical_reason().unwrap_or("Error"),
                    sentence: self.sentence(),
                    remedy: &self.remedy,
                },
            ),
        };
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
