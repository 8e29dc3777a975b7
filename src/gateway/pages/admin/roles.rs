//! `GET /hub/admin/roles`: what each role allows and who has it. Roles are stated by the configuration, so nothing is changed here.

use std::fmt::Display;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::administrator;
use crate::answer::{self, Failure, Frame};
use crate::domain::scope::{Base, Role, Target, is_default_role};
use crate::extract::{Caller, SignedIn};

#[derive(Template)]
#[template(path = "admin_roles.html")]
struct RolesPage {
    frame: Frame,
    tab: &'static str,
    roles: Vec<Line>,
}

/// One role.
struct Line {
    name: String,
    description: String,
    scopes: Vec<String>,
    users: Vec<String>,
    groups: Vec<String>,
    services: Vec<String>,
    /// Every hub has it.
    built_in: bool,
}

fn texts(all: Vec<&impl Display>) -> Vec<String> {
    let mut texts: Vec<String> = all.into_iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

impl Line {
    fn of(caller: &Caller, role: &Role) -> Self {
        let (users, groups, services) = caller.directory.holders(&role.name);
        Self {
            name: role.name.to_string(),
            description: role.description.clone(),
            scopes: role.scopes.iter().map(ToString::to_string).collect(),
            users: texts(users),
            groups: texts(groups),
            services: texts(services),
            built_in: is_default_role(&role.name),
        }
    }
}

/// Shows the page to whoever may read all roles.
///
/// # Errors
/// 403 for everybody else.
pub async fn show(person: SignedIn) -> Result<HttpResponse, Failure> {
    let caller = administrator(&person)?;
    caller.require(&[Base::ReadRoles], &Target::Any).map_err(|failure| person.failure(failure))?;
    let roles = caller.directory.roles().map(|role| Line::of(&caller, role)).collect();
    Ok(answer::page(StatusCode::OK, &RolesPage { frame: person.frame(), tab: "roles", roles }))
}
