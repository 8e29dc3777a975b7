//! `hubgate check`: whether the gateway would start with this configuration.

use std::path::Path;

use super::{Failure, failure, rights, terminal};
use crate::config::{Config, services};
use crate::domain::xsrf::Key;
use crate::state::{Providers, Site, admission, appearance, key};
use crate::store::Store;

/// There where systemd runs the host.
const SYSTEMD: &str = "/run/systemd/system";
/// What the administrator adds to the gateway's unit.
const DROP_INS: &str = "/etc/systemd/system/hubgate.service.d";

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let services = services::load(&config.services_file)?;
    rights::become_owner_of(&config.state_dir)?;
    let mut complaints = Vec::new();
    if config.database().symlink_metadata().is_ok() {
        complaints.extend(Store::examine(&config.database()).err().map(|error| error.to_string()));
    }
    if config.key().symlink_metadata().is_ok() {
        complaints.extend(key::load_or_make(&config.key()).err().map(|error| error.to_string()));
    }
    // Scopes and names can be judged with any key.
    if let Err(wrong) = Site::new(&config, &services, &Key::from([0; 32])) {
        complaints.extend(wrong.iter().map(|why| format!("{}: {why}", config.services_file.display())));
    }
    complaints.extend(Providers::load(&config).err());
    complaints.extend(appearance::complaints(&config));
    admission::closed(&config).into_iter().for_each(terminal::complain);
    if !complaints.is_empty() {
        return failure(complaints.join("\n"));
    }
    terminal::say(&format!("{}: good", path.display()))?;
    if !config.oidc.0.is_empty() && Path::new(SYSTEMD).is_dir() && !has_network(Path::new(DROP_INS)) {
        terminal::say(&format!(
            "but hubgate.service has no network to reach the providers of oidc: copy hubgate-oidc.conf to {DROP_INS} \
             (OPERATING.md, Identity providers)"
        ))?;
    }
    Ok(())
}

/// Whether a drop-in of the gateway's unit gives it a network.
fn has_network(drop_ins: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(drop_ins) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        entry.path().extension().is_some_and(|end| end == "conf")
            && text.lines().any(|line| matches!(line.trim(), "PrivateNetwork=no" | "PrivateNetwork=false"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_in_that_ships_gives_the_gateway_a_network() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_network(dir.path()) && !has_network(&dir.path().join("nothing")));
        std::fs::write(dir.path().join("limits.conf"), "[Service]\nLimitNOFILE=1\n").unwrap();
        assert!(!has_network(dir.path()));
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd/hubgate-oidc.conf");
        std::fs::copy(ours, dir.path().join("hubgate-oidc.conf")).unwrap();
        assert!(has_network(dir.path()));
    }
}
