//! Answers for programs: JupyterHub's REST API.

pub mod body;
pub mod health;
pub mod operation;
pub mod page;
pub mod progress;
pub mod stored;

use actix_web::web::ServiceConfig;

use operation::Operation;

/// Every operation of the API.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    let rooms: [&'static [Operation]; 0] = [];
    rooms.into_iter().flatten()
}

/// The routes below `BASE/hub/api`.
pub fn routes(service: &mut ServiceConfig) {
    operation::routes(operations(), service);
}
