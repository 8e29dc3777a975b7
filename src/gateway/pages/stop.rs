//! Stopping a server.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use hubgate_protocol::{Phase, ServerId};
use log::{info, warn};

use crate::answer::{self, Failure};
use crate::extract::{Posted, own_server};

/// How long to wait for the end before the home page is shown, which then says "stopping".
const SETTLES: Duration = Duration::from_secs(3);

/// `POST /hub/stop/NAME`.
pub async fn submit(posted: Posted, owner: web::Path<String>) -> Result<HttpResponse, Failure> {
    let Posted { hub, session, .. } = posted;
    let base_url = hub.config.base_url.clone();
    let owner = own_server(&session, &owner).map_err(|failure| failure.as_page(true, &base_url))?;
    let id = ServerId::default_of(owner);
    hub.spawner.stop(&id).await.map_err(|error| {
        warn!("stop failed user={}: {error}", id.user);
        Failure::unavailable().as_page(true, &base_url)
    })?;
    info!("stop user={}", id.user);
    hub.servers.wait(&id, SETTLES, |now| matches!(now.phase, Phase::Stopped | Phase::Failed)).await;
    Ok(answer::redirect(&hub.url("/hub/home")))
}
