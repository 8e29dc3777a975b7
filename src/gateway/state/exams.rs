//! Exams: which servers have to be started anew because one began or ended, and what a start during one is like.
//!
//! Nothing is kept but the exam itself: a server that was started before the exam is not of it, and one that was started
//! during an exam that is over is still of it. So a gateway that was away for a while does what is due when it comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::rt;
use actix_web::web::Data;
use hubgate_protocol::{Manner, Phase, ServerId, Username};
use log::{info, warn};

use crate::domain::audit::{Action, Actor, Event};
use crate::domain::entity::GroupName;
use crate::domain::exam::Exam;
use crate::state::starts::{self, StartOptions};
use crate::state::{Hub, blocking};
use crate::store::{StoreError, limits, servers};

/// How long a server that has to be started anew may take to end.
const END: Duration = Duration::from_secs(30);

impl Hub {
    /// The profile that all servers of a user have now, because of an exam.
    #[must_use]
    pub fn forced_profile(&self, user: &Username) -> Option<String> {
        let directory = self.directory();
        let exam = directory.exam_of(user, self.clock.now_s()).map(|(_, exam)| exam.profile.clone());
        exam.filter(|profile| !profile.is_empty())
    }

    /// What an exam that the owner sits takes away from a start.
    pub fn restrict(&self, user: &Username, manner: &mut Manner) {
        if let Some((_, exam)) = self.directory().exam_of(user, self.clock.now_s()) {
            manner.offline |= exam.offline;
            manner.no_terminals |= exam.no_terminals;
        }
    }
}

/// What is due for one exam.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    /// Servers that run as they must not any more.
    servers: Vec<ServerId>,
    /// Exams that are over.
    over: Vec<GroupName>,
}

/// Has servers started anew that run as an exam does not let them, or as one that is over left them. Returns when all of
/// that is under way.
///
/// # Errors
/// When the database fails; the next call tries again.
pub async fn look(hub: &Data<Hub>) -> Result<(), StoreError> {
    if hub.directory().exams().is_empty() || !hub.servers.known(Duration::ZERO).await {
        return Ok(());
    }
    let due = due(hub).await?;
    for server in due.servers {
        let hub = hub.clone();
        // Claimed here, so that the next look does not begin it a second time.
        if hub.restarting.lock().insert(server.clone()) {
            rt::spawn(async move {
                restart(&hub, &server).await;
                hub.restarting.lock().remove(&server);
            });
        }
    }
    // As long as one of its servers runs an exam is remembered.
    for group in due.over {
        end(hub, group).await?;
    }
    Ok(())
}

async fn due(hub: &Hub) -> Result<Due, StoreError> {
    let directory = hub.directory();
    let now_s = hub.clock.now_s();
    let over: Vec<GroupName> = directory
        .exams()
        .iter()
        .filter(|(_, exam)| !exam.holds(now_s))
        .map(|(group, _)| group.clone())
        .collect();
    let sitting: BTreeSet<&Username> =
        directory.exams().keys().flat_map(|group| directory.members(group)).collect();
    let running: BTreeSet<ServerId> = sitting
        .into_iter()
        .flat_map(|user| hub.servers.of(user))
        .filter(|status| matches!(status.phase, Phase::Starting | Phase::Running | Phase::Listening))
        .map(|status| status.id())
        .collect();
    let (store, asked) = (hub.store.clone(), running);
    let started = blocking(move || {
        store.read(|c| {
            let started = |id: ServerId| {
                let server = servers::by_id(c, &id)?;
                Ok((id, server.and_then(|server| server.started_us).unwrap_or(0)))
            };
            asked.into_iter().map(started).collect::<diesel::QueryResult<Vec<_>>>()
        })
    });
    let mut servers = Vec::new();
    for (id, started_us) in started.await? {
        let groups = directory.groups_of(&id.user);
        let left_over = |(group, exam): (&GroupName, &Exam)| {
            groups.contains(group) && !exam.holds(now_s) && exam.covers(started_us)
        };
        let too_old = directory.exam_of(&id.user, now_s).is_some_and(|(_, exam)| started_us < exam.begun_us);
        if too_old || directory.exams().iter().any(left_over) {
            servers.push(id);
        }
    }
    let over = if servers.is_empty() { over } else { Vec::new() };
    Ok(Due { servers, over })
}

/// Ends a server and starts it again, unless nothing but its socket was there; where the start is refused its owner does it at
/// the next visit.
async fn restart(hub: &Hub, server: &ServerId) {
    let idle = hub.servers.phase(server) == Phase::Listening;
    info!("exam restart server={server}");
    if let Err(error) = starts::stop(hub, server).await {
        warn!("exam: the server could not be stopped server={server}: {error}");
        return;
    }
    let ended = |phase| matches!(phase, Phase::Stopped | Phase::Failed);
    let status = hub.servers.wait(server, END, |status| ended(status.phase)).await;
    if !ended(status.phase) {
        warn!("exam: the server has not ended in {} s server={server}", END.as_secs());
        return;
    }
    if idle {
        return;
    }
    if let Err(error) = starts::start(hub, server, StartOptions::default()).await {
        warn!("exam: the server was not started again server={server}: {error}");
    }
}

/// Forgets an exam that is over.
async fn end(hub: &Hub, group: GroupName) -> Result<(), StoreError> {
    let gone = group.clone();
    let now_s = hub.clock.now_s();
    let removed = hub.change(move |c| limits::remove_exam_over(c, &gone, now_s)).await?;
    if removed {
        info!("exam over group={group}");
        hub.audit(&Event::new(Actor::Hub, Action::Exam, group).with("state", "over"));
    }
    Ok(())
}
