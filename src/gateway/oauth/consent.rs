//! The page that asks whether a client may act for the visitor.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use hubgate_protocol::Username;

use super::client::{OAuthClient, origin};
use crate::answer::{self, Frame};
use crate::domain::oauth::grant;
use crate::domain::scope::{Base, Scope};
use crate::pages::rights::{Reader, Right};
use crate::state::Hub;

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    frame: Frame,
    client: &'a str,
    redirect_uri: &'a str,
    rights: Vec<Right>,
    scopes: Vec<String>,
}

/// The page. What every token holds is in the form, but not in the list: that a client learns the name is said in words.
pub fn page(
    hub: &Hub,
    frame: Frame,
    client: &OAuthClient,
    user: &Username,
    granted: &BTreeSet<Scope>,
) -> HttpResponse {
    let all: Vec<&Scope> = match granted.iter().find(|scope| scope.base == Base::Inherit) {
        Some(inherit) => vec![inherit],
        None => granted.iter().collect(),
    };
    let (directory, required) = (hub.directory(), grant::required(&client.who));
    let reader = Reader { user, language: frame.telling.language, custom: directory.custom() };
    let told = all.iter().filter(|scope| !required.contains(scope)).map(|scope| reader.right(scope));
    let rights = told.collect();
    let page = ConsentPage {
        frame,
        client: &client.description,
        redirect_uri: &client.redirect_uri,
        rights,
        scopes: all.iter().map(ToString::to_string).collect(),
    };
    answer::page_that_leads_to(StatusCode::OK, &page, origin(&client.redirect_uri))
}
