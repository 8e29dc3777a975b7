//! What the configuration says of rights: roles and who has them, services, scopes of the site's own. Made once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hubgate_protocol::{Secret, Services, Username};
use openssl::sha::sha256;

use super::service::{Service, Surroundings};
use crate::config::{Config, RoleSpec};
use crate::domain::entity::{GroupName, RoleName, ServiceName};
use crate::domain::scope::{CustomScopes, Role, Scope, default_roles};
use crate::domain::xsrf::Key;
use crate::store::services::ServiceRow;

/// The configuration, in the form in which rights are asked for.
#[derive(Debug)]
pub struct Site {
    /// Scopes of the site's own.
    pub(super) custom: CustomScopes,
    /// All roles.
    pub(super) roles: BTreeMap<RoleName, Role>,
    /// Administrators, whatever the database says.
    pub(super) admins: BTreeSet<Username>,
    /// Groups of the host or of the identity provider whose members are administrators.
    pub(super) admin_groups: Vec<String>,
    /// Further roles of users.
    pub(super) of_users: HashMap<Username, BTreeSet<RoleName>>,
    /// Roles of groups.
    pub(super) of_groups: HashMap<GroupName, BTreeSet<RoleName>>,
    /// Roles of services.
    pub(super) of_services: HashMap<ServiceName, BTreeSet<RoleName>>,
    /// Services of the services file.
    pub(super) services: BTreeMap<ServiceName, Service>,
    base_url: String,
    key: Key,
}

impl Site {
    /// Reads roles and services out of the configuration.
    ///
    /// # Errors
    /// A sentence for each service that cannot be, and each role that names a service that is not there.
    pub fn new(config: &Config, services: &Services, key: &Key) -> Result<Self, Vec<String>> {
        let custom = config.custom_scopes.definitions().map_err(|error| vec![error.to_string()])?;
        let mut site = Self {
            custom,
            roles: default_roles().into_iter().map(|role| (role.name.clone(), role)).collect(),
            admins: config.admin_users.iter().cloned().collect(),
            admin_groups: config.admin_groups.clone(),
            of_users: HashMap::new(),
            of_groups: HashMap::new(),
            of_services: HashMap::new(),
            services: BTreeMap::new(),
            base_url: config.base_url.clone(),
            key: key.clone(),
        };
        if let Some(user) = site.roles.values_mut().find(|role| role.name.as_str() == "user") {
            user.scopes.extend(config.extra_user_scopes.iter().cloned());
        }
        config.load_roles.0.iter().for_each(|spec| site.add_role(spec));
        let complaints = site.add_services(services);
        if complaints.is_empty() { Ok(site) } else { Err(complaints) }
    }

    fn add_role(&mut self, spec: &RoleSpec) {
        let role = self.roles.entry(spec.name.clone()).or_insert_with(|| Role {
            name: spec.name.clone(),
            description: String::new(),
            scopes: Vec::new(),
        });
        if !spec.description.is_empty() {
            role.description.clone_from(&spec.description);
        }
        if let Some(scopes) = &spec.scopes {
            role.scopes.clone_from(scopes);
        }
        if spec.name.as_str() == "admin" {
            self.admins.extend(spec.users.iter().cloned());
        } else {
            hold(&mut self.of_users, &spec.users, &spec.name);
        }
        hold(&mut self.of_groups, &spec.groups, &spec.name);
        hold(&mut self.of_services, &spec.services, &spec.name);
    }

    fn add_services(&mut self, services: &Services) -> Vec<String> {
        let mut complaints = Vec::new();
        for spec in &services.services {
            let token = self.token_of(spec.name.as_str(), spec.api_token.as_ref());
            let made = token.ok_or_else(|| format!("services.{}: no token can be made", spec.name)).and_then(
                |token| {
                    let token_hash = sha256(token.expose().as_bytes());
                    let around = Surroundings {
                        base_url: &self.base_url,
                        custom: &self.custom,
                        token_hash,
                        made: false,
                    };
                    Service::new(spec, &around)
                },
            );
            match made {
                Ok(service) => drop(self.services.insert(service.name.clone(), service)),
                Err(sentence) => complaints.push(sentence),
            }
        }
        complaints
    }

    /// The token of a service: the one that its description names, or one that only this hub can tell.
    #[must_use]
    pub fn token_of(&self, name: &str, given: Option<&Secret>) -> Option<Secret> {
        given.cloned().or_else(|| self.key.service_token(name))
    }

    /// The service that a row of the database describes; `None` for one that cannot be any more.
    pub(super) fn made(&self, row: &ServiceRow) -> Option<Service> {
        let mut description = row.spec.clone();
        description.insert("name".to_owned(), row.name.to_string().into());
        let spec = serde_json::from_value(description.into());
        let own = || self.token_of(row.name.as_str(), None).map(|token| sha256(token.expose().as_bytes()));
        let token_hash = row.token_hash.or_else(own)?;
        let around = Surroundings { base_url: &self.base_url, custom: &self.custom, token_hash, made: true };
        let service = spec.map_err(|error| error.to_string()).and_then(|spec| Service::new(&spec, &around));
        service.inspect_err(|error| log::warn!("service {} is left out: {error}", row.name)).ok()
    }

    /// Whether the configuration makes somebody an administrator.
    #[must_use]
    pub fn is_admin(&self, user: &Username) -> bool {
        self.admins.contains(user)
    }

    /// Scopes of a role; none for a role that is not there.
    pub(super) fn scopes(&self, role: &str) -> &[Scope] {
        let found = self.roles.iter().find(|(name, _)| name.as_str() == role);
        found.map_or(&[], |(_, role)| role.scopes.as_slice())
    }

    /// Services that a role names and nobody describes.
    pub fn unknown_services(&self) -> impl Iterator<Item = &ServiceName> {
        self.of_services.keys().filter(|name| !self.services.contains_key(*name))
    }
}

fn hold<T: std::hash::Hash + Eq + Clone>(
    held: &mut HashMap<T, BTreeSet<RoleName>>,
    by: &[T],
    role: &RoleName,
) {
    for holder in by {
        held.entry(holder.clone()).or_default().insert(role.clone());
    }
}
