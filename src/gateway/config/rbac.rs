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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, read};

    fn parse(text: &str) -> Result<Config, String> {
        read::parse(Path::new("hub.toml"), text).map_err(|errors| errors.to_string())
    }

    const WHOLE: &str = "[[load_roles]]\nname = \"grader\"\nscopes = [\"read:users!group=physics\", \"custom:grades:read\"]\n\
        users = [\"ada\"]\ngroups = [\"physics\"]\nservices = [\"idle-culler\"]\n\
        [[load_roles]]\nname = \"admin\"\nusers = [\"ada\"]\n\
        [load_groups.\"physics 1\"]\nusers = [\"ada\"]\nproperties = { room = 7, tags = [\"a\", true, 1.5], at = 2026-01-01 }\n\
        [custom_scopes.\"custom:grades:read\"]\ndescription = \"Read grades\"\n";

    #[test]
    fn roles_groups_and_scopes_are_read_and_written_as_they_were() {
        let config = parse(WHOLE).unwrap();
        let role = &config.load_roles.0[0];
        assert_eq!(role.scopes.as_ref().unwrap()[1].to_string(), "custom:grades:read");
        assert_eq!(
            (role.users[0].as_str(), role.groups[0].as_str(), role.services[0].as_str()),
            ("ada", "physics", "idle-culler")
        );
        assert_eq!(config.load_roles.0[1].scopes, None);
        let group = &config.load_groups.0[0];
        assert_eq!((group.name.as_str(), &group.properties["room"]), ("physics 1", &7.into()));
        assert_eq!(group.properties["tags"], serde_json::json!(["a", true, 1.5]));
        assert_eq!(parse(&config.to_toml()).unwrap(), config);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (text, complaint) in [
            ("[[load_roles]]\nname = \"x\"", "hub.toml:1: load_roles has a bad name"),
            ("[[load_roles]]\nscopes = []", "hub.toml:1: load_roles has an entry without name"),
            ("[[load_roles]]\nname = \"new-role\"", "gives the role new-role no scopes"),
            (
                "[[load_roles]]\nname = \"new-role\"\nscopes = [\"nonsense\"]",
                "hub.toml:3: load_roles has a bad scope",
            ),
            (
                "[[load_roles]]\nname = \"new-role\"\nscopes = [\"custom:undefined\"]",
                "names custom:undefined; define it",
            ),
            ("[[load_roles]]\nname = \"admin\"\nscopes = [\"list:users\"]", "changes the scopes of admin"),
            ("[[load_roles]]\nname = \"server\"\nusers = [\"ada\"]", "gives server to somebody"),
            ("[[load_roles]]\nname = \"user\"\nuser = []", "hub.toml:3: load_roles has an unknown key"),
            (
                "[[load_roles]]\nname = \"user\"\nusers = [\"A b\"]",
                "hub.toml:3: load_roles has a bad user name",
            ),
            ("[[load_roles]]\nname = \"user\"\n[[load_roles]]\nname = \"user\"", "names the role user twice"),
            ("load_roles = 1", "hub.toml:1: load_roles must be a list of tables"),
            ("load_groups = []", "hub.toml:1: load_groups must be tables"),
            ("[load_groups.\"a/b\"]\nusers = []", "load_groups has a bad name"),
            ("[load_groups]\ng = 1", "hub.toml:2: load_groups must be a table with users, properties"),
            (
                "[custom_scopes.\"custom:abc\"]\nsubscopes = []",
                "custom_scopes has an entry without description",
            ),
            ("[custom_scopes.\"read:users\"]\ndescription = \"x\"", "custom_scopes is not right"),
            ("extra_user_scopes = [\"self\"]", "extra_user_scopes holds self"),
            ("allow_named_servers = \"yes\"", "allow_named_servers must be true or false"),
            ("default_server_name = \"a/b\"", "default_server_name is no server name"),
            ("public_url = \"hub.example.org\"", "public_url must be"),
            ("flavour = \"sour\"", "flavour must be one of"),
            ("api_page_max_limit = 0", "api_page_max_limit must be 1 to 10000"),
        ] {
            let told = parse(text).expect_err(text);
            assert!(told.contains(complaint), "{text}: {told}");
        }
    }
}
