//! Roles, groups and scopes of the site's own, as the file names them.

use std::fmt::Write;

use hubgate_protocol::Username;
use serde_json::Map;
use toml::Spanned;
use toml::de::DeValue;

use super::fields::Fields;
use super::value::{Complaint, Value, json, wrong};
use crate::domain::entity::{GroupName, RoleName, ServiceName};
use crate::domain::scope::{CustomError, CustomScopes, Scope};

/// A role: a new one, or what a default role is changed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSpec {
    /// Its name.
    pub name: RoleName,
    /// For people; empty leaves that of a default role.
    pub description: String,
    /// What it allows; `None` leaves that of a default role.
    pub scopes: Option<Vec<Scope>>,
    /// Users who have it.
    pub users: Vec<Username>,
    /// Groups whose members have it.
    pub groups: Vec<GroupName>,
    /// Services that have it.
    pub services: Vec<ServiceName>,
}

/// A group that is made at start, or whose members are added to.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSpec {
    /// Its name.
    pub name: GroupName,
    /// Users who are in it.
    pub users: Vec<Username>,
    /// A JSON object that means nothing here.
    pub properties: Map<String, serde_json::Value>,
}

/// A scope of the site's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomSpec {
    /// `custom:NAME`.
    pub name: String,
    /// What people read before they allow it.
    pub description: String,
    /// Custom scopes that it includes.
    pub subscopes: Vec<String>,
}

/// `[[load_roles]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(pub Vec<RoleSpec>);

/// `[load_groups.NAME]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups(pub Vec<GroupSpec>);

impl Eq for Groups {}

/// `[custom_scopes."custom:NAME"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customs(pub Vec<CustomSpec>);

impl Customs {
    /// The definitions, checked against each other.
    ///
    /// # Errors
    /// A name of another form, a missing description, or an included scope that is not defined here.
    pub fn definitions(&self) -> Result<CustomScopes, CustomError> {
        let all = self.0.iter().cloned();
        CustomScopes::new(all.map(|spec| (spec.name, spec.description, spec.subscopes)).collect())
    }
}

const ROLE_KEYS: [&str; 6] = ["name", "description", "scopes", "users", "groups", "services"];

fn role(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<RoleSpec> {
    let mut fields = Fields::of(value, &ROLE_KEYS, complaints)?;
    let name: Option<String> = fields.need("name");
    let spec = (
        fields.take("description").unwrap_or_default(),
        fields.take("scopes"),
        fields.take("users").unwrap_or_default(),
        fields.take("groups").unwrap_or_default(),
        fields.take("services").unwrap_or_default(),
    );
    let (description, scopes, users, groups, services) = spec;
    match name?.parse() {
        Ok(name) => Some(RoleSpec { name, description, scopes, users, groups, services }),
        Err(error) => {
            complaints.push((value.span(), format!("has a bad name: {error}")));
            None
        }
    }
}

fn list<T: Value>(all: &T) -> String {
    all.to_toml()
}

impl Value for Roles {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            wrong(value, "a list of tables, each under [[load_roles]]", complaints);
            return None;
        };
        let roles: Vec<RoleSpec> = array.iter().filter_map(|one| role(one, complaints)).collect();
        for (at, spec) in roles.iter().enumerate() {
            if roles.iter().take(at).any(|before| before.name == spec.name) {
                complaints.push((value.span(), format!("names the role {} twice", spec.name)));
            }
        }
        Some(Self(roles))
    }

    fn to_toml(&self) -> String {
        let one = |role: &RoleSpec| {
            let scopes = role.scopes.as_ref().map(|scopes| format!(", scopes = {}", list(scopes)));
            format!(
                "{{ name = {}, description = {}{}, users = {}, groups = {}, services = {} }}",
                role.name.to_string().to_toml(),
                role.description.to_toml(),
                scopes.unwrap_or_default(),
                list(&role.users),
                list(&role.groups),
                list(&role.services)
            )
        };
        format!("[{}]", self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

fn group(name: &str, value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<GroupSpec> {
    let mut fields = Fields::of(value, &["users", "properties"], complaints)?;
    let users = fields.take("users").unwrap_or_default();
    let properties = fields.take("properties").unwrap_or_default();
    match name.parse() {
        Ok(name) => Some(GroupSpec { name, users, properties }),
        Err(error) => {
            complaints.push((value.span(), format!("has a bad name: {error}")));
            None
        }
    }
}

impl Value for Groups {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong(value, "tables, each under [load_groups.NAME]", complaints);
            return None;
        };
        let read =
            |(name, value): (&Spanned<_>, _)| group(AsRef::<str>::as_ref(name.get_ref()), value, complaints);
        Some(Self(table.iter().filter_map(read).collect()))
    }

    fn to_toml(&self) -> String {
        let one = |group: &GroupSpec| {
            let (name, users) = (group.name.to_string().to_toml(), list(&group.users));
            format!("{name} = {{ users = {users}, properties = {} }}", group.properties.to_toml())
        };
        format!("{{ {} }}", self.0.iter().map(one).collect::<Vec<_>>().join(", ")).replace("{  }", "{}")
    }
}

impl Value for Customs {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong(value, "tables, each under [custom_scopes.\"custom:NAME\"]", complaints);
            return None;
        };
        let mut all = Self::default();
        for (name, value) in table {
            let Some(mut fields) = Fields::of(value, &["description", "subscopes"], complaints) else {
                continue;
            };
            let description = fields.need("description").unwrap_or_default();
            let subscopes = fields.take("subscopes").unwrap_or_default();
            all.0.push(CustomSpec { name: name.get_ref().to_string(), description, subscopes });
        }
        Some(all)
    }

    fn to_toml(&self) -> String {
        let mut text = String::new();
        for spec in &self.0 {
            let end = if text.is_empty() { "" } else { ", " };
            let (name, description) = (spec.name.to_toml(), spec.description.to_toml());
            let subscopes = list(&spec.subscopes);
            let _ = write!(text, "{end}{name} = {{ description = {description}, subscopes = {subscopes} }}");
        }
        format!("{{{text}}}")
    }
}

impl Value for Map<String, serde_json::Value> {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong(value, "a table", complaints);
            return None;
        };
        Some(table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect())
    }

    fn to_toml(&self) -> String {
        let value = toml::Value::try_from(self).unwrap_or_else(|_| toml::Value::Table(toml::Table::new()));
        value.to_string()
    }
}
