//! Stopping a server.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use hubgate_protocol::Phase;

use crate::answer::{self, Failure};
use crate::domain::scope::Base;
use crate::extract::{Posted, ServerPath};
use crate::pages::spawn::told;
use crate::state::starts;

/// How long to wait for the end before the home page is shown, which then says "stopping".
const SETTLES: Duration = Duration::from_secs(3);

/// `POST /hub/stop/NAME[/SERVER]`.
pub async fn submit(posted: Posted, path: web::Path<ServerPath>) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let page = |failure: Failure| failure.as_page(true, &hub.config);
    let id = path.allowed(&hub, &session, &Base::DeleteServers).map_err(page)?;
    starts::stop(&hub, &id).await.map_err(|error| page(told(&id, &error)))?;
    hub.servers.wait(&id, SETTLES, |now| matches!(now.phase, Phase::Stopped | Phase::Failed)).await;
    Ok(answer::redirect(&hub.url("/hub/home")))
}
