//! `/hub/metrics` and `/hub/api/metrics`: what Prometheus reads, under the names that JupyterHub has for it.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use hubgate_protocol::Phase;

use crate::answer::{self, Failure};
use crate::api::operation::Operation;
use crate::api::stored;
use crate::domain::exposition::Exposition;
use crate::domain::scope::{Base, Target};
use crate::extract::Asker;
use crate::state::Hub;
use crate::store::users;

/// Periods over which users count as active: the label, and microseconds.
const PERIODS: [(&str, i64); 3] =
    [("24h", 86_400_000_000), ("7d", 7 * 86_400_000_000), ("30d", 30 * 86_400_000_000)];

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::GET,
    path: "/metrics",
    summary: "Counts and durations for Prometheus; needs no scope where authenticate_prometheus is false",
    scopes: &[Base::ReadMetrics],
    query: &[],
    body: None,
    responses: &[200, 403],
    route: || web::route().to(metrics),
}];

/// The handler; a refusal is a page, as in JupyterHub.
pub async fn metrics(asker: Result<Asker, Failure>, hub: web::Data<Hub>) -> Result<HttpResponse, Failure> {
    let page = |failure: Failure| failure.as_page(true, &hub.config.base_url);
    if hub.config.authenticate_prometheus {
        let Asker(caller) = asker.map_err(page)?;
        let nobody = || Failure::new(StatusCode::FORBIDDEN, "Missing or invalid credentials.");
        caller
            .ok_or_else(nobody)
            .and_then(|caller| caller.require(&[Base::ReadMetrics], &Target::Any))
            .map_err(page)?;
    }
    let text = exposed(&hub).await.map_err(page)?;
    Ok(answer::program(StatusCode::OK).content_type("text/plain; version=1.0.0; charset=utf-8").body(text))
}

async fn exposed(hub: &Hub) -> Result<String, Failure> {
    let now_us = hub.clock.now_us();
    let (total, active) = stored::read(hub, move |c| {
        let active = PERIODS.map(|(_, period_us)| users::active_since(c, now_us.saturating_sub(period_us)));
        Ok((users::count(c)?, active.into_iter().collect::<Result<Vec<i64>, _>>()?))
    })
    .await?;
    let mut page = Exposition::default();
    page.family("running_servers", "gauge", "The number of user servers currently running");
    page.value("running_servers", &[], hub.servers.those(|phase| phase == Phase::Running).len());
    page.family("total_users", "gauge", "Total number of users");
    page.value("total_users", &[], total);
    page.family("active_users", "gauge", "Number of users who were active in the given time period");
    for ((period, _), users) in PERIODS.iter().zip(active) {
        page.value("active_users", &[("period", period)], users);
    }
    hub.metrics.write(&mut page);
    Ok(page.into_text())
}

/// Measures every answer of the hub. The pattern of the route is its handler's name.
pub async fn measured(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let began = Instant::now();
    let response = next.call(request).await?;
    let asked = response.request();
    if let Some(hub) = asked.app_data::<web::Data<Hub>>() {
        let method = match asked.method().as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        let route = asked.match_pattern().unwrap_or_else(|| "none".to_owned());
        hub.metrics.answered(method, &route, response.status().as_u16(), began.elapsed());
    }
    Ok(response)
}
