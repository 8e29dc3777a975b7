//! Answers for programs: JupyterHub's REST API.

pub mod activity;
pub mod addressed;
pub mod admin_access;
pub mod announcements;
pub mod audit;
pub mod authorizations;
pub mod body;
pub mod checks;
pub mod exam;
pub mod group;
pub mod group_model;
pub mod groups;
pub mod health;
pub mod hub;
pub mod keep;
pub mod limits;
pub mod me;
pub mod metrics;
pub mod model;
pub mod openapi;
pub mod operation;
pub mod page;
pub mod progress;
pub mod proxy;
pub mod server;
pub mod server_body;
pub mod server_run;
pub mod service_spec;
pub mod services;
pub mod sessions;
pub mod share_codes;
pub mod share_model;
pub mod share_path;
pub mod shared;
pub mod shares;
pub mod standing;
pub mod stored;
pub mod token_request;
pub mod tokens;
pub mod user;
pub mod users;

use actix_web::web::ServiceConfig;

use crate::oauth;
use operation::Operation;

/// Every operation of the API.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    let rooms: [&'static [Operation]; 28] = [
        hub::OPERATIONS,
        groups::OPERATIONS,
        group::OPERATIONS,
        services::OPERATIONS,
        proxy::OPERATIONS,
        shares::OPERATIONS,
        share_codes::OPERATIONS,
        shared::OPERATIONS,
        authorizations::OPERATIONS,
        oauth::OPERATIONS,
        health::OPERATIONS,
        metrics::OPERATIONS,
        openapi::OPERATIONS,
        me::OPERATIONS,
        users::OPERATIONS,
        user::OPERATIONS,
        tokens::OPERATIONS,
        sessions::OPERATIONS,
        server::OPERATIONS,
        progress::OPERATIONS,
        activity::OPERATIONS,
        admin_access::OPERATIONS,
        audit::OPERATIONS,
        checks::OPERATIONS,
        announcements::OPERATIONS,
        keep::OPERATIONS,
        limits::OPERATIONS,
        exam::OPERATIONS,
    ];
    rooms.into_iter().flatten()
}

/// The routes below `BASE/hub/api`.
pub fn routes(service: &mut ServiceConfig) {
    operation::routes(operations(), service);
}
