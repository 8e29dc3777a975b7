//! Which limits hold for a server, and how they get there.

use hubgate_protocol::{ErrorCode, Phase, ServerId, Username};
use log::{info, warn};

use crate::domain::limits::{Effective, Limits, Told};
use crate::spawn::SpawnError;
use crate::state::Hub;

impl Hub {
    /// The limits of a server, each with who states it.
    #[must_use]
    pub fn limits_of(&self, server: &ServerId) -> Effective {
        let directory = self.directory();
        let groups = directory.groups_of(&server.user).iter();
        let profile = self.profile_of(server);
        let told = Told {
            site: self.config.limits(),
            profile: profile.map(|profile| (profile.name.as_str(), profile.limits)),
            groups: groups.map(|group| (group, directory.limits_of_group(group))).collect(),
            user: directory.limits_of_user(&server.user),
        };
        told.effective()
    }

    /// The limits of the servers of these users that are not stopped: what [`tell`] compares with.
    #[must_use]
    pub fn limits_of_running<'a>(
        &self,
        users: impl IntoIterator<Item = &'a Username>,
    ) -> Vec<(ServerId, Limits)> {
        let servers = users.into_iter().flat_map(|user| self.servers.of(user));
        let running = servers.filter(|status| !matches!(status.phase, Phase::Stopped | Phase::Failed));
        running.map(|status| (status.id(), self.limits_of(&status.id()).limits())).collect()
    }
}

/// Tells servers that run their limits, where these are not what they were before; how many were told. What runs in them
/// goes on.
pub async fn tell(hub: &Hub, before: Vec<(ServerId, Limits)>) -> usize {
    let mut told = 0;
    for (server, old) in before {
        let limits = hub.limits_of(&server).limits();
        if limits == old {
            continue;
        }
        match hub.spawner.set_limits(&server, limits.into()).await {
            Ok(()) => {
                info!("limits set server={server}");
                told += 1;
            }
            Err(SpawnError::Refused { code: ErrorCode::Unsupported, .. }) => {}
            Err(error) => warn!("limits could not be set server={server}: {error}"),
        }
    }
    told
}
