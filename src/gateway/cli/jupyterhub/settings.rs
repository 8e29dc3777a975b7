//! Which option of JupyterHub is which key of hubgate.toml, and what becomes of the others.

use hubgate_protocol::LoginName;
use serde_json::{Value, json};

/// What becomes of one option.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// Keys of hubgate.toml and their values.
    Keys(Vec<(&'static str, Value)>),
    /// Nothing has to be done; why.
    Idle(&'static str),
    /// Something that a person must do.
    Advice(&'static str),
    /// Nothing here knows it.
    Unknown,
}

/// The words of JupyterHub's classes, without the dots of a module.
fn last_word(class: &str) -> &str {
    class.rsplit(['.', ':']).next().unwrap_or(class)
}

/// What becomes of `c.CLASS.NAME = value`.
pub(super) fn fate(class: &str, name: &str, value: &Value) -> Fate {
    if value.is_null() {
        return Fate::Idle("None is what it is without the line");
    }
    match (class, name) {
        ("JupyterHub", _) => of_hub(name, value),
        ("Spawner" | "LocalProcessSpawner" | "SystemdSpawner" | "SudoSpawner", _) => of_spawner(name, value),
        ("ConfigurableHTTPProxy" | "Proxy" | "CHP" | "TraefikProxy", _) => Fate::Idle("nginx is the proxy"),
        ("DummyAuthenticator" | "SharedPasswordAuthenticator", _) => Fate::Advice(
            "there is no login without a password of one's own: add users with `hubgate user add`",
        ),
        ("PAMAuthenticator", "service") => {
            Fate::Advice("the PAM service is /etc/pam.d/hubgate: put the same lines there")
        }
        ("PAMAuthenticator", "open_sessions" | "encoding" | "check_account" | "pam_normalize_username") => {
            Fate::Idle("account and session are always asked of PAM, the name is always PAM's")
        }
        ("LDAPAuthenticator", _) => Fate::Advice(
            "LDAP is reached through PAM: configure SSSD or nslcd on the host, and authenticator = \"pam\"",
        ),
        (class, _) if class.ends_with("OAuthenticator") => {
            Fate::Advice("identity providers are [[oidc]] tables of hubgate.toml")
        }
        (class, _) if class.ends_with("Authenticator") => of_authenticator(name, value),
        _ => Fate::Unknown,
    }
}

fn one(key: &'static str, value: Value) -> Fate {
    Fate::Keys(vec![(key, value)])
}

/// Options that have the same name and the same values here.
const SAME: [&str; 19] = [
    "redirect_to_server",
    "shutdown_on_logout",
    "allow_named_servers",
    "named_server_limit_per_user",
    "default_server_name",
    "concurrent_spawn_limit",
    "active_server_limit",
    "use_legacy_stopped_server_status_code",
    "authenticate_prometheus",
    "api_page_default_limit",
    "api_page_max_limit",
    "token_expires_in_max_seconds",
    "oauth_token_expires_in",
    "oauth_require_pkce",
    "public_url",
    "load_roles",
    "load_groups",
    "custom_scopes",
    "extra_user_scopes",
];

fn of_hub(name: &str, value: &Value) -> Fate {
    if let Some(key) = SAME.iter().find(|key| **key == name) {
        return one(key, of_names(name, value));
    }
    match name {
        "base_url" => base_url(value.as_str().unwrap_or_default()),
        "bind_url" => {
            let path =
                value.as_str().and_then(|url| url::Url::parse(&url.replace("//:", "//localhost:")).ok());
            base_url(path.as_ref().map_or("/", url::Url::path))
        }
        "authenticator_class" => authenticator(value.as_str().unwrap_or_default()),
        "spawner_class" => spawner(value.as_str().unwrap_or_default()),
        "cookie_max_age_days" => {
            let hours = value.as_f64().map_or(336.0, |days| (days * 24.0).clamp(1.0, 8760.0));
            one("session_hours", serde_json::from_str(&format!("{hours:.0}")).unwrap_or(json!(336)))
        }
        "tornado_settings" => tornado(value),
        "admin_users" => one("admin_users", of_names("users", value)),
        _ => of_hub_otherwise(name),
    }
}

/// Options of the hub that are no key.
fn of_hub_otherwise(name: &str) -> Fate {
    match name {
        "services" => Fate::Advice(
            "services are described in services.toml (see the example of services in the manual)",
        ),
        "db_url" => {
            Fate::Advice("take over what is in a SQLite database with `hubgate import jupyterhub.sqlite`")
        }
        "api_tokens" | "service_tokens" => {
            Fate::Advice("issue tokens with `hubgate token NAME`, or describe a service in services.toml")
        }
        "ssl_key" | "ssl_cert" => {
            Fate::Advice("put certificate and key into /etc/hubgate/tls as server.crt and server.key")
        }
        "template_paths" | "template_vars" | "logo_file" | "extra_handlers" => {
            Fate::Advice("pages cannot be changed by templates or handlers")
        }
        "subdomain_host" => Fate::Advice("servers are below one host name here"),
        "ip"
        | "port"
        | "hub_ip"
        | "hub_port"
        | "hub_bind_url"
        | "hub_connect_ip"
        | "hub_connect_url"
        | "proxy_class"
        | "cleanup_servers"
        | "cleanup_proxy"
        | "cookie_secret"
        | "cookie_secret_file"
        | "pid_file"
        | "config_file"
        | "internal_ssl"
        | "last_activity_interval"
        | "activity_resolution"
        | "init_spawners_timeout"
        | "log_level"
        | "log_format"
        | "extra_log_file"
        | "trusted_alt_names"
        | "data_files_path"
        | "upgrade_db"
        | "reset_db"
        | "spawn_throttle_retry_range"
        | "cull_idle_servers"
        | "allow_unauthenticated_access" => Fate::Idle("nginx, systemd and hubgate's own key do that"),
        _ => Fate::Unknown,
    }
}

fn base_url(path: &str) -> Fate {
    match path.trim_end_matches('/') {
        "" => Fate::Advice(
            "hubgate lives below a path, by default /jupyterhub; the site's root can redirect there",
        ),
        path => one("base_url", json!(format!("/{}", path.trim_start_matches('/')))),
    }
}

fn authenticator(class: &str) -> Fate {
    match last_word(class) {
        "pam" | "local" | "PAMAuthenticator" | "LocalAuthenticator" => one("authenticator", json!("pam")),
        "ldap" | "LDAPAuthenticator" | "LDAPCreateUsers" => one("authenticator", json!("pam")),
        "dummy"
        | "DummyAuthenticator"
        | "shared-password"
        | "SharedPasswordAuthenticator"
        | "native"
        | "NativeAuthenticator"
        | "LocalNativeAuthenticator"
        | "firstuse"
        | "FirstUseAuthenticator"
        | "tmp"
        | "TmpAuthenticator"
        | "null"
        | "NullAuthenticator" => one("authenticator", json!("file")),
        other if other.ends_with("OAuthenticator") || class.contains("oauth") => {
            Fate::Advice("identity providers are [[oidc]] tables of hubgate.toml")
        }
        _ => Fate::Advice(
            "an authenticator of the site's own: choose authenticator = \"pam\" or \"file\", or an [[oidc]] provider",
        ),
    }
}

fn spawner(class: &str) -> Fate {
    match last_word(class) {
        "systemd"
        | "SystemdSpawner"
        | "sudo"
        | "SudoSpawner"
        | "local"
        | "localprocess"
        | "LocalProcessSpawner"
        | "simple"
        | "SimpleLocalProcessSpawner"
        | "jupyterhub" => Fate::Idle("servers are units of systemd"),
        _ => Fate::Advice("servers are units of systemd on this host; there are no containers or clusters"),
    }
}

fn tornado(value: &Value) -> Fate {
    let known = ["slow_spawn_timeout", "slow_stop_timeout"];
    let keys: Vec<_> = known.into_iter().filter_map(|key| Some((key, value.get(key)?.clone()))).collect();
    if keys.is_empty() {
        Fate::Advice("headers and limits of the site are nginx's")
    } else {
        Fate::Keys(keys)
    }
}

fn of_spawner(name: &str, value: &Value) -> Fate {
    match name {
        "default_url" => one("default_url", value.clone()),
        "notebook_dir" => Fate::Advice(
            "a server begins in its user's home; jupyter_server_config.py in /etc/jupyter may say otherwise",
        ),
        "mem_limit" | "cpu_limit" | "mem_guarantee" | "cpu_guarantee" => {
            Fate::Advice("limits are systemd's: MemoryMax= and CPUQuota= in a drop-in of jupyter@.service")
        }
        "environment" | "env_keep" => {
            Fate::Advice("variables are systemd's: Environment= in a drop-in of jupyter@.service")
        }
        "cmd" | "args" => Fate::Advice("what runs is ExecStart= of jupyter@.service"),
        "start_timeout"
        | "http_timeout"
        | "poll_interval"
        | "ip"
        | "port"
        | "debug"
        | "disable_user_config" => Fate::Idle("systemd starts and watches servers"),
        _ => Fate::Unknown,
    }
}

fn of_authenticator(name: &str, value: &Value) -> Fate {
    match name {
        "admin_users" | "allowed_users" | "blocked_users" => {
            let key = match name {
                "admin_users" => "admin_users",
                "allowed_users" => "allowed_users",
                _ => "blocked_users",
            };
            one(key, of_names("users", value))
        }
        "whitelist" => one("allowed_users", of_names("users", value)),
        "blacklist" => one("blocked_users", of_names("users", value)),
        "allow_all" | "any_allow_config" => one("allow_all", value.clone()),
        "allow_existing_users" => one("allow_existing_users", value.clone()),
        "delete_invalid_users" => one("delete_invalid_users", value.clone()),
        "username_pattern" => one(
            "username_pattern",
            json!(value.as_str().unwrap_or_default().trim_start_matches('^').trim_end_matches('$')),
        ),
        "username_map" => one("username_map", value.clone()),
        "admin_groups" => one("admin_groups", value.clone()),
        "allowed_groups" | "group_whitelist" => one("allowed_groups", value.clone()),
        "auth_refresh_age" => one("access_check_seconds", json!(value.as_i64().unwrap_or(20).clamp(5, 300))),
        "create_system_users" | "add_user_cmd" | "group_add_cmd" => {
            Fate::Advice("accounts are made by the spawner: accounts = \"create\" in spawner.toml")
        }
        "minimum_password_length" => {
            one("password_min_length", json!(value.as_i64().unwrap_or(8).clamp(8, 128)))
        }
        "check_common_password" => Fate::Idle("password_min_score does that"),
        "open_signup" | "enable_signup" | "create_users" => {
            Fate::Advice("nobody makes their own account: administrators add users")
        }
        "auto_login" => Fate::Advice("a provider of an [[oidc]] table may have it"),
        "enable_auth_state"
        | "refresh_pre_spawn"
        | "allowed_failed_logins"
        | "seconds_before_next_try"
        | "delete_provisioned_users"
        | "reset_managed_roles_on_startup" => Fate::Idle("hubgate limits guesses and asks again by itself"),
        _ => Fate::Unknown,
    }
}

/// The same value with names of users as the hub knows them: a login name that is no plain name has an id.
fn of_names(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("users", Value::Array(names)) => Value::Array(names.iter().map(user).collect()),
        ("load_roles", Value::Array(roles)) => Value::Array(roles.iter().map(with_users).collect()),
        // JupyterHub takes a bare list of members too.
        ("load_groups", Value::Object(groups)) => {
            let group = |value: &Value| match value {
                Value::Array(_) => with_users(&json!({ "users": value })),
                other => with_users(other),
            };
            Value::Object(groups.iter().map(|(name, value)| (name.clone(), group(value))).collect())
        }
        _ => value.clone(),
    }
}

fn with_users(table: &Value) -> Value {
    let mut table = table.clone();
    if let Some(users) = table.get_mut("users") {
        *users = of_names("users", users);
    }
    table
}

fn user(name: &Value) -> Value {
    let id = name.as_str().and_then(|name| name.parse::<LoginName>().ok()).map(|login| login.id());
    id.map_or_else(|| name.clone(), |id| json!(id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_the_keys_of_the_same_meaning() {
        for (class, name, value, key, expected) in [
            ("JupyterHub", "base_url", json!("/hub/"), "base_url", json!("/hub")),
            ("JupyterHub", "bind_url", json!("http://:8000/jupyter/"), "base_url", json!("/jupyter")),
            ("JupyterHub", "cookie_max_age_days", json!(0.5), "session_hours", json!(12)),
            (
                "JupyterHub",
                "authenticator_class",
                json!("nativeauthenticator.NativeAuthenticator"),
                "authenticator",
                json!("file"),
            ),
            (
                "Authenticator",
                "admin_users",
                json!(["ada", "A.B@x.cn"]),
                "admin_users",
                json!(["ada", "id--a-b-x-cn-@"]),
            ),
            ("PAMAuthenticator", "admin_groups", json!(["staff"]), "admin_groups", json!(["staff"])),
            ("LocalAuthenticator", "group_whitelist", json!(["staff"]), "allowed_groups", json!(["staff"])),
            ("Spawner", "default_url", json!("/tree"), "default_url", json!("/tree")),
            (
                "JupyterHub",
                "load_groups",
                json!({"g": ["ada"]}),
                "load_groups",
                json!({"g": {"users": ["ada"]}}),
            ),
        ] {
            let Fate::Keys(keys) = fate(class, name, &value) else { panic!("{class}.{name}") };
            assert_eq!(keys[0].0, key);
            if name == "admin_users" {
                assert!(keys[0].1[1].as_str().unwrap().starts_with("id--"));
            } else {
                assert_eq!(keys[0].1, expected, "{class}.{name}");
            }
        }
    }

    #[test]
    fn what_has_no_key_is_explained_or_called_unknown() {
        assert!(matches!(fate("JupyterHub", "port", &json!(8000)), Fate::Idle(_)));
        assert!(matches!(fate("JupyterHub", "base_url", &json!("/")), Fate::Advice(_)));
        assert!(matches!(
            fate("JupyterHub", "spawner_class", &json!("dockerspawner.DockerSpawner")),
            Fate::Advice(_)
        ));
        assert!(matches!(fate("GenericOAuthenticator", "client_id", &json!("x")), Fate::Advice(_)));
        assert_eq!(fate("JupyterHub", "nonsense", &json!(1)), Fate::Unknown);
        assert_eq!(fate("Other", "thing", &json!(1)), Fate::Unknown);
    }
}
