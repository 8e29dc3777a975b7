//! `/hub/metrics` and `/hub/api/metrics`: what Prometheus reads, under the names that JupyterHub has for it.

use std::collections::BTreeMap;
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
use crate::state::servers::Wait;
use crate::store::users;

/// Periods over which users count as active: the label, and microseconds.
const PERIODS: [(&str, i64); 3] =
    [("24h", 86_400_000_000), ("7d", 7 * 86_400_000_000), ("30d", 30 * 86_400_000_000)];

/// Names of the phases.
const PHASES: [(&str, Phase); 5] = [
    ("failed", Phase::Failed),
    ("listening", Phase::Listening),
    ("running", Phase::Running),
    ("starting", Phase::Starting),
    ("stopping", Phase::Stopping),
];

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
    let page = |failure: Failure| failure.as_page(true, &hub.config);
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
    let mut gauge = |name: &str, help: &str, value: usize| page.number(name, "gauge", help, value);
    gauge(
        "jupyterhub_running_servers",
        "The number of user servers currently running",
        hub.servers.those(|phase| phase == Phase::Running).len(),
    );
    gauge("jupyterhub_total_users", "Total number of users", usize::try_from(total).unwrap_or(0));
    let name = "jupyterhub_active_users";
    page.family(name, "gauge", "Number of users who were active in the given time period");
    for ((period, _), users) in PERIODS.iter().zip(active) {
        page.value(name, &[("period", period)], users);
    }
    hub.metrics.write(&mut page);
    machine(hub, &mut page);
    process(hub, &mut page);
    Ok(page.into_text())
}

/// What JupyterHub has no names for: the servers by state, what they use together, what the machine has left.
fn machine(hub: &Hub, page: &mut Exposition) {
    let mut states: BTreeMap<&str, usize> = PHASES.iter().map(|(name, _)| (*name, 0)).collect();
    let (mut memory, mut cpu_percent, mut tasks): (u64, u64, u64) = (0, 0, 0);
    for (id, phase) in hub.servers.phases() {
        if let Some((name, _)) = PHASES.iter().find(|(_, one)| *one == phase) {
            *states.entry(name).or_default() += 1;
        }
        let usage = hub.meters.of(&id);
        memory = memory.saturating_add(usage.memory.unwrap_or(0));
        cpu_percent = cpu_percent.saturating_add(usage.cpu_percent.unwrap_or(0).into());
        tasks = tasks.saturating_add(usage.tasks.unwrap_or(0));
    }
    let name = "hubgate_servers";
    page.family(name, "gauge", "User servers by what they do");
    for (state, count) in states {
        page.value(name, &[("state", state)], count);
    }
    page.number(
        "hubgate_starts_in_line",
        "gauge",
        "Starts that wait for their turn",
        hub.servers.in_line(Wait::Turn),
    );
    let waiting = hub.servers.in_line(Wait::Gpu);
    page.number("hubgate_starts_waiting_for_gpu", "gauge", "Starts that wait for a GPU", waiting);
    page.number("hubgate_servers_memory_bytes", "gauge", "Memory that user servers use together", memory);
    page.number(
        "hubgate_servers_cpu_percent",
        "gauge",
        "CPU that user servers use together, percent of one core",
        cpu_percent,
    );
    page.number("hubgate_servers_tasks", "gauge", "Processes and threads of user servers", tasks);
    page.number(
        "hubgate_open_websockets",
        "gauge",
        "Websockets between browsers and user servers",
        hub.uplinks.all().len(),
    );
    if let Some(left) = hub.meters.headroom() {
        page.number("hubgate_machine_memory_bytes", "gauge", "Memory of the machine", left.memory_total);
        let help = "Memory that new servers could get";
        page.number("hubgate_machine_memory_available_bytes", "gauge", help, left.memory_available);
        page.number("hubgate_machine_cores", "gauge", "Cores of the machine", left.cores);
        page.number("hubgate_machine_cpu_percent", "gauge", "How busy all cores are", left.cpu_percent);
    }
    if let Some(free) = hub.meters.disk_free() {
        let help = "How much of the disk of state_dir is free";
        page.number("hubgate_state_disk_free_percent", "gauge", help, free);
    }
    let name = "hubgate_info";
    page.family(name, "gauge", "The version that runs");
    page.value(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
}

/// The gateway's own process, under the names that Prometheus' clients use.
fn process(hub: &Hub, page: &mut Exposition) {
    page.number("process_start_time_seconds", "gauge", "When the gateway began, since 1970", hub.started_s);
    let Ok(own) = procfs::process::Process::myself() else { return };
    let Ok(stat) = own.stat() else { return };
    let cpu_ticks =
        stat.utime.saturating_add(stat.stime).saturating_mul(100) / procfs::ticks_per_second().max(1);
    let cpu_s = format!("{}.{:02}", cpu_ticks / 100, cpu_ticks % 100);
    page.number("process_cpu_seconds_total", "counter", "CPU time of the gateway", cpu_s);
    let resident = stat.rss.saturating_mul(procfs::page_size());
    page.number("process_resident_memory_bytes", "gauge", "Memory of the gateway", resident);
    if let Ok(fds) = own.fd_count() {
        page.number("process_open_fds", "gauge", "Open files of the gateway", fds);
    }
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
