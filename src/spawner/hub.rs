//! What servers and services are told about the hub: the documented `JUPYTERHUB_*` environment, made of root's settings
//! and checked names. Pure.

use std::fmt;
use std::path::Path;

use hubgate_protocol::service::is_token;
use hubgate_protocol::{Secret, ServerId, ServiceSpec};

use crate::config::Hub;

/// A token of the hub's API whose form was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubToken(Secret);

impl HubToken {
    /// `None` when it is not `[A-Za-z0-9_-]{8,128}`.
    #[must_use]
    pub fn parse(text: Secret) -> Option<Self> {
        is_token(text.expose()).then_some(Self(text))
    }
}

/// Names and values in order, each name once. Its `Debug` shows no value: there are secrets among them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// Sets a variable; the value it had before is replaced.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    /// Sets all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (name, value) in other.pairs() {
            self.set(name, value);
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The environment of a server of the hub flavour, which listens on `socket`.
#[must_use]
pub fn server(hub: &Hub, id: &ServerId, socket: &Path, token: &HubToken) -> Environment {
    let (user, name) = (id.user.as_str(), id.server.as_str());
    let slash = if name.is_empty() { "" } else { "/" };
    let prefix = format!("{}/user/{user}/{name}{slash}", hub.base());
    let mut env = Environment::default();
    env.set("HUBGATE_FLAVOUR", "hub");
    client(&mut env, hub, token, &id.oauth_client(), &prefix);
    scopes(
        &mut env,
        [format!("access:servers!server={user}/{name}"), format!("access:servers!user={user}")],
        &[],
    );
    env.set("JUPYTERHUB_USER", user);
    env.set("JUPYTERHUB_SERVER_NAME", name);
    env.set("JUPYTERHUB_ACTIVITY_URL", format!("{}/users/{user}/activity", hub.api_url));
    env.set("JUPYTERHUB_SERVICE_PREFIX", prefix.as_str());
    // No TCP port anywhere: the socket is inherited, and named for those who look for an address here.
    let socket = percent_encoded(&socket.to_string_lossy());
    env.set("JUPYTERHUB_SERVICE_URL", format!("http+unix://{socket}{prefix}"));
    env.set("JUPYTERHUB_PUBLIC_URL", hub.public(&prefix));
    env
}

/// The environment of a managed service; what root's file adds goes last.
#[must_use]
pub fn service(hub: &Hub, spec: &ServiceSpec, token: &HubToken) -> Environment {
    let name = spec.name.as_str();
    let prefix = format!("{}/services/{name}/", hub.base());
    let mut env = Environment::default();
    env.set("JUPYTERHUB_SERVICE_NAME", name);
    client(&mut env, hub, token, &spec.client_id(), &prefix);
    if let Some(callback) = &spec.oauth_redirect_uri {
        env.set("JUPYTERHUB_OAUTH_CALLBACK_URL", callback.as_str());
    }
    let access = ["access:services".to_owned(), format!("access:services!service={name}")];
    scopes(&mut env, access, &spec.oauth_client_allowed_scopes);
    env.set("JUPYTERHUB_USER", spec.user.as_ref().map_or("", |user| user.as_str()));
    env.set("JUPYTERHUB_SERVER_NAME", "");
    match &spec.url {
        Some(url) => {
            env.set("JUPYTERHUB_SERVICE_URL", url.as_str());
            env.set("JUPYTERHUB_SERVICE_PREFIX", prefix.as_str());
            env.set("JUPYTERHUB_PUBLIC_URL", hub.public(&prefix));
        }
        None => env.set("JUPYTERHUB_PUBLIC_URL", ""),
    }
    for (name, value) in &spec.environment {
        env.set(name, value.as_str());
    }
    env
}

/// What both have: who they are to the hub, and where it is.
fn client(env: &mut Environment, hub: &Hub, token: &HubToken, client: &str, prefix: &str) {
    let token = token.0.expose();
    env.set("JUPYTERHUB_API_TOKEN", token);
    env.set("JPY_API_TOKEN", token);
    env.set("JUPYTERHUB_CLIENT_ID", client);
    env.set("JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED", "0");
    env.set("JUPYTERHUB_HOST", hub.origin());
    env.set("JUPYTERHUB_OAUTH_CALLBACK_URL", format!("{prefix}oauth_callback"));
    env.set("JUPYTERHUB_API_URL", hub.api_url.as_str());
    env.set("JUPYTERHUB_BASE_URL", format!("{}/", hub.base()));
    env.set("JUPYTERHUB_PUBLIC_HUB_URL", hub.public(&format!("{}/hub/", hub.base())));
}

fn scopes(env: &mut Environment, access: [String; 2], allowed: &[String]) {
    let access = serde_json::json!(access).to_string();
    env.set("JUPYTERHUB_OAUTH_SCOPES", access.as_str());
    env.set("JUPYTERHUB_OAUTH_ACCESS_SCOPES", access);
    env.set("JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES", serde_json::json!(allowed).to_string());
}

/// A path as the host of an `http+unix` URL.
fn percent_encoded(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn token() -> HubToken {
        HubToken::parse(Secret::try_from(TOKEN.to_owned()).unwrap()).unwrap()
    }

    fn hub(public_url: &str) -> Hub {
        Hub {
            api_url: "http://127.0.0.1:8081/jupyterhub/hub/api".to_owned(),
            public_url: public_url.to_owned(),
        }
    }

    fn get<'a>(env: &'a Environment, wanted: &str) -> Option<&'a str> {
        env.pairs().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    #[test]
    fn a_default_server_gets_what_jupyterhub_gives() {
        let env = server(&hub(""), &"alice".parse().unwrap(), Path::new("/run/jupyter/alice.sock"), &token());
        for (name, value) in [
            ("HUBGATE_FLAVOUR", "hub"),
            ("JUPYTERHUB_API_TOKEN", TOKEN),
            ("JPY_API_TOKEN", TOKEN),
            ("JUPYTERHUB_CLIENT_ID", "jupyterhub-user-alice"),
            ("JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED", "0"),
            ("JUPYTERHUB_HOST", ""),
            ("JUPYTERHUB_OAUTH_CALLBACK_URL", "/jupyterhub/user/alice/oauth_callback"),
            (
                "JUPYTERHUB_OAUTH_ACCESS_SCOPES",
                r#"["access:servers!server=alice/","access:servers!user=alice"]"#,
            ),
            ("JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES", "[]"),
            ("JUPYTERHUB_USER", "alice"),
            ("JUPYTERHUB_SERVER_NAME", ""),
            ("JUPYTERHUB_API_URL", "http://127.0.0.1:8081/jupyterhub/hub/api"),
            ("JUPYTERHUB_ACTIVITY_URL", "http://127.0.0.1:8081/jupyterhub/hub/api/users/alice/activity"),
            ("JUPYTERHUB_BASE_URL", "/jupyterhub/"),
            ("JUPYTERHUB_SERVICE_PREFIX", "/jupyterhub/user/alice/"),
            ("JUPYTERHUB_SERVICE_URL", "http+unix://%2Frun%2Fjupyter%2Falice.sock/jupyterhub/user/alice/"),
            ("JUPYTERHUB_PUBLIC_URL", ""),
            ("JUPYTERHUB_PUBLIC_HUB_URL", ""),
        ] {
            assert_eq!(get(&env, name), Some(value), "{name}");
        }
        assert_eq!(get(&env, "JUPYTERHUB_OAUTH_SCOPES"), get(&env, "JUPYTERHUB_OAUTH_ACCESS_SCOPES"));
    }

    #[test]
    fn a_named_server_has_its_own_client_address_and_scope() {
        let hub = hub("https://hub.example.org/jupyterhub/");
        let env = server(&hub, &"alice:gpu".parse().unwrap(), Path::new("/s/alice@gpu.sock"), &token());
        for (name, value) in [
            ("JUPYTERHUB_CLIENT_ID", "jupyterhub-user-alice..gpu"),
            ("JUPYTERHUB_HOST", "https://hub.example.org"),
            ("JUPYTERHUB_SERVER_NAME", "gpu"),
            ("JUPYTERHUB_SERVICE_PREFIX", "/jupyterhub/user/alice/gpu/"),
            ("JUPYTERHUB_OAUTH_CALLBACK_URL", "/jupyterhub/user/alice/gpu/oauth_callback"),
            ("JUPYTERHUB_SERVICE_URL", "http+unix://%2Fs%2Falice%40gpu.sock/jupyterhub/user/alice/gpu/"),
            ("JUPYTERHUB_PUBLIC_URL", "https://hub.example.org/jupyterhub/user/alice/gpu/"),
            ("JUPYTERHUB_PUBLIC_HUB_URL", "https://hub.example.org/jupyterhub/hub/"),
        ] {
            assert_eq!(get(&env, name), Some(value), "{name}");
        }
        assert!(get(&env, "JUPYTERHUB_OAUTH_ACCESS_SCOPES").unwrap().contains("!server=alice/gpu\""));
    }

    #[test]
    fn a_service_gets_its_own_and_roots_words_go_last() {
        let spec: ServiceSpec = serde_json::from_str(
            r#"{"name":"whoami","url":"http://127.0.0.1:9999","command":["/bin/x"],"user":"bob",
                "oauth_client_allowed_scopes":["self"],"environment":{"A":"b","JUPYTERHUB_HOST":"https://h"}}"#,
        )
        .unwrap();
        let env = service(&hub(""), &spec, &token());
        for (name, value) in [
            ("JUPYTERHUB_SERVICE_NAME", "whoami"),
            ("JUPYTERHUB_CLIENT_ID", "service-whoami"),
            ("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:9999"),
            ("JUPYTERHUB_SERVICE_PREFIX", "/jupyterhub/services/whoami/"),
            ("JUPYTERHUB_OAUTH_CALLBACK_URL", "/jupyterhub/services/whoami/oauth_callback"),
            ("JUPYTERHUB_OAUTH_ACCESS_SCOPES", r#"["access:services","access:services!service=whoami"]"#),
            ("JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES", r#"["self"]"#),
            ("JUPYTERHUB_USER", "bob"),
            ("JUPYTERHUB_HOST", "https://h"),
            ("A", "b"),
        ] {
            assert_eq!(get(&env, name), Some(value), "{name}");
        }
        for absent in ["JUPYTERHUB_ACTIVITY_URL", "HUBGATE_FLAVOUR"] {
            assert_eq!(get(&env, absent), None);
        }
    }

    #[test]
    fn a_service_without_an_address_is_told_none() {
        let spec: ServiceSpec = serde_json::from_str(r#"{"name":"culler","command":["/bin/x"]}"#).unwrap();
        let env = service(&hub("https://h.org"), &spec, &token());
        assert_eq!(
            (get(&env, "JUPYTERHUB_SERVICE_URL"), get(&env, "JUPYTERHUB_SERVICE_PREFIX")),
            (None, None)
        );
    }

    #[test]
    fn neither_a_token_nor_an_environment_shows_itself() {
        let spec: ServiceSpec = serde_json::from_str(r#"{"name":"culler","command":["/bin/x"]}"#).unwrap();
        let env = service(&hub(""), &spec, &token());
        assert!(!format!("{env:?} {:?}", token()).contains(TOKEN));
        assert!(HubToken::parse(Secret::try_from("a\nB=\"c\" 1234".to_owned()).unwrap()).is_none());
    }
}
