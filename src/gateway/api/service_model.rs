//! JupyterHub's model of a service, with the keys that the reader's scopes show.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::domain::scope::{Base, Target};
use crate::extract::Caller;
use crate::state::service::Service;

/// Keys of a service, and the scopes of which each shows some.
const KEYS: [(Base, &[&str]); 3] = [
    (Base::ReadServices, &["kind", "name", "admin", "url", "prefix", "command", "pid", "info", "display"]),
    (Base::ReadServicesName, &["kind", "name", "admin"]),
    (Base::ReadRolesServices, &["kind", "name", "roles", "admin"]),
];

/// A service as this caller may see it.
#[must_use]
pub fn model(caller: &Caller, service: &Service) -> Map<String, Value> {
    let target = Target::Service(&service.name);
    let shown: BTreeSet<&str> = KEYS
        .iter()
        .filter(|(base, _)| caller.may(base, &target))
        .flat_map(|(_, keys)| keys.iter().copied())
        .collect();
    let value = |key: &str| match key {
        "kind" => "service".into(),
        "name" => service.name.as_str().into(),
        "admin" => service.admin.into(),
        "url" => service.url.clone().unwrap_or_default().into(),
        "prefix" => match &service.url {
            Some(_) => caller.hub.url(&format!("/services/{}/", service.name)).into(),
            None => "".into(),
        },
        "command" => json!(service.command),
        "info" => service.info.clone().into(),
        "display" => service.display.into(),
        "roles" => json!(caller.directory.roles_of_service(&service.name)),
        // The process of a managed service is systemd's to know.
        _ => json!(0),
    };
    shown.into_iter().map(|key| (key.to_owned(), value(key))).collect()
}
