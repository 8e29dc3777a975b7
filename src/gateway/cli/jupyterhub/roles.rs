//! Roles of a JupyterHub's database as text for hubgate.toml, where roles are decided.

use hubgate_protocol::LoginName;
use serde_json::{Map, Value, json};

use crate::domain::scope::default_roles;
use crate::store::jupyterhub::HubRole;

/// `[[load_roles]]` for everything that the hub does not have by itself; empty where there is nothing.
pub(super) fn text(roles: &[HubRole]) -> String {
    roles.iter().filter_map(table).collect::<Vec<_>>().join("\n")
}

fn table(role: &HubRole) -> Option<String> {
    let scopes: Vec<String> =
        role.scopes.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let ours = default_roles().into_iter().find(|ours| ours.name.as_str() == role.name);
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(role.name));
    match &ours {
        None => {
            fields.insert("description".to_owned(), json!(role.description.as_deref().unwrap_or_default()));
            fields.insert("scopes".to_owned(), json!(scopes));
            let id = |name: &String| name.parse::<LoginName>().ok().map(|login| login.id().to_string());
            fields.insert("users".to_owned(), json!(role.users.iter().filter_map(id).collect::<Vec<_>>()));
        }
        // Nobody can change what administrators may do, and who is one or is a user is known by the users themselves.
        Some(ours) if ours.name.as_str() == "user" => {
            let same = scopes.iter().all(|scope| ours.scopes.iter().any(|our| our.to_string() == *scope));
            if !same {
                fields.insert("scopes".to_owned(), json!(scopes));
            }
        }
        Some(_) => {}
    }
    fields.insert("groups".to_owned(), json!(role.groups));
    fields.insert("services".to_owned(), json!(role.services));
    let idle = ours.is_some()
        && role.groups.is_empty()
        && role.services.is_empty()
        && !fields.contains_key("scopes");
    (!idle).then(|| toml_table("[[load_roles]]", &fields))
}

/// A table of a TOML file.
pub(super) fn toml_table(head: &str, fields: &Map<String, Value>) -> String {
    let line = |(key, value): (&String, &Value)| Some(format!("{key} = {}\n", toml_value(value)?));
    let lines: String = fields.iter().filter_map(line).collect();
    format!("{head}\n{lines}")
}

/// A value in TOML; `None` for null, which TOML does not have, and for what holds it.
pub(super) fn toml_value(value: &Value) -> Option<String> {
    toml::Value::try_from(value).ok().map(|value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, scopes: &str, groups: &[&str]) -> HubRole {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let (scopes, description) = (Some(scopes.to_owned()), Some("say \"x\"".to_owned()));
        HubRole {
            name: name.to_owned(),
            description,
            scopes,
            users: vec!["ada".to_owned()],
            groups,
            services: Vec::new(),
        }
    }

    #[test]
    fn roles_of_the_site_are_written_and_those_of_every_hub_are_not() {
        let text = text(&[
            role("user", "[\"self\"]", &[]),
            role("admin", "[\"admin:users\"]", &[]),
            role("grader", "[\"read:users\"]", &["tas"]),
        ]);
        assert_eq!(
            text,
            "[[load_roles]]\ndescription = 'say \"x\"'\ngroups = [\"tas\"]\nname = \"grader\"\nscopes = [\"read:users\"]\n\
             services = []\nusers = [\"ada\"]\n"
        );
    }

    #[test]
    fn what_a_site_has_changed_of_every_hubs_roles_is_written() {
        assert!(
            text(&[role("user", "[\"self\", \"read:users:name\"]", &[])]).contains("\"read:users:name\"")
        );
        assert!(text(&[role("admin", "[]", &["staff"])]).contains("groups = [\"staff\"]"));
    }
}
