//! The services of a site, as root's `services.toml` names them: read by the gateway (who they are) and by the spawner
//! (what it runs).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use crate::environment::is_variable;
use crate::name::{ServiceName, Username};
use crate::secret::Secret;

/// Where the file is unless the key `services_file` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/hubgate/services.toml";
/// Most services of a file.
pub const SERVICES_MAX: usize = 256;
/// Lengths of a token in bytes, as JupyterHub has its least.
const TOKEN_LEN: std::ops::RangeInclusive<usize> = 8..=128;

/// The whole file: a list of `[[services]]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// All services, in the file's order.
    #[serde(default)]
    pub services: Vec<ServiceSpec>,
}

/// One service; the keys are JupyterHub's. Call [`Services::problems`] before use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Its name; `/services/NAME/` where it has an address.
    pub name: ServiceName,
    /// Address of a service with a web page, `http://127.0.0.1:PORT`. Default: none.
    #[serde(default)]
    pub url: Option<String>,
    /// Its token, `[A-Za-z0-9_-]{8,128}`. Default: derived by the gateway.
    #[serde(default)]
    pub api_token: Option<Secret>,
    /// Program (absolute path) and arguments: the service is managed. Default: empty, an external one.
    #[serde(default)]
    pub command: Vec<String>,
    /// Working directory of a managed service. Default: a folder of its own (systemd), `/` (process engine).
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// Account of the host that a managed service runs as, never root. Default: a uid of its own.
    #[serde(default)]
    pub user: Option<Username>,
    /// Further environment of a managed service; a name that hubgate sets too takes this value.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Whether it has the role `admin`. Default false.
    #[serde(default)]
    pub admin: bool,
    /// Told to whoever reads the service. Default: empty.
    #[serde(default)]
    pub info: serde_json::Map<String, serde_json::Value>,
    /// Whether the menu shows it. Default true.
    #[serde(default = "yes")]
    pub display: bool,
    /// Seconds until a managed service with an address must answer. Default 30.
    #[serde(default = "thirty")]
    pub timeout: u32,
    /// Its OAuth client, which begins with `service-`. Default `service-NAME`.
    #[serde(default)]
    pub oauth_client_id: Option<String>,
    /// Default `BASE/services/NAME/oauth_callback` where it has an address.
    #[serde(default)]
    pub oauth_redirect_uri: Option<String>,
    /// What its users' tokens may hold, as scopes. Default: its own access alone.
    #[serde(default)]
    pub oauth_client_allowed_scopes: Vec<String>,
    /// Whether people are not asked before it acts for them. Default false.
    #[serde(default)]
    pub oauth_no_confirm: bool,
}

fn yes() -> bool {
    true
}

fn thirty() -> u32 {
    30
}

impl ServiceSpec {
    /// Whether hubgate runs it.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        !self.command.is_empty()
    }

    /// Its OAuth client's identifier.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.oauth_client_id.clone().unwrap_or_else(|| format!("service-{}", self.name))
    }

    /// Whether it takes part in OAuth, as JupyterHub decides it: it has an address or any key about OAuth.
    #[must_use]
    pub fn has_oauth_client(&self) -> bool {
        self.url.is_some()
            || self.oauth_client_id.is_some()
            || self.oauth_redirect_uri.is_some()
            || self.oauth_no_confirm
            || !self.oauth_client_allowed_scopes.is_empty()
    }

    fn problems(&self) -> Vec<&'static str> {
        let texts = || self.command.iter().chain(self.environment.values());
        let managed_only = self.cwd.is_some() || self.user.is_some() || !self.environment.is_empty();
        [
            (!self.url.as_deref().is_none_or(is_url), "url: must be http://HOST:PORT or https://HOST:PORT"),
            (
                !self.api_token.as_ref().is_none_or(|token| is_token(token.expose())),
                "api_token: must be 8 to 128 of A-Z, a-z, 0-9, `_` and `-`",
            ),
            (
                self.command.first().is_some_and(|program| !program.starts_with('/')),
                "command: must begin with the program's absolute path",
            ),
            (texts().any(|text| text.contains('\0')), "command, environment: must not hold NUL bytes"),
            (
                !self.environment.keys().all(|name| is_variable(name)),
                "environment: a name is a letter or `_`, then letters, digits and `_`",
            ),
            (
                self.cwd.as_ref().is_some_and(|dir| !is_dir(&dir.to_string_lossy())),
                "cwd: must be an absolute path without control characters",
            ),
            (!self.is_managed() && managed_only, "cwd, user, environment: are of use with a command alone"),
            (self.user.as_ref().is_some_and(|user| user.as_str() == "root"), "user: must not be root"),
            (!(1..=3600).contains(&self.timeout), "timeout: must be 1 to 3600"),
            (!self.client_id().starts_with("service-"), "oauth_client_id: must begin with `service-`"),
            (
                self.has_oauth_client() && self.url.is_none() && self.oauth_redirect_uri.is_none(),
                "oauth_redirect_uri: is needed for OAuth without a url",
            ),
        ]
        .into_iter()
        .filter_map(|(wrong, text)| wrong.then_some(text))
        .collect()
    }
}

impl Services {
    /// All that is wrong beyond the types, each as `services.NAME.key: sentence`; empty for a good file.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.services.len() > SERVICES_MAX {
            problems.push(format!("services: must be at most {SERVICES_MAX}"));
        }
        let mut names = BTreeSet::new();
        let mut clients = BTreeSet::new();
        for service in &self.services {
            let name = &service.name;
            problems.extend(service.problems().into_iter().map(|text| format!("services.{name}.{text}")));
            if !names.insert(name) {
                problems.push(format!("services.{name}: stands twice in the file"));
            } else if !clients.insert(service.client_id()) {
                problems.push(format!("services.{name}.oauth_client_id: another service has the same"));
            }
        }
        problems
    }

    /// The service of that name.
    #[must_use]
    pub fn find(&self, name: &ServiceName) -> Option<&ServiceSpec> {
        self.services.iter().find(|service| service.name == *name)
    }
}

/// Whether `text` has the form of a token, `[A-Za-z0-9_-]{8,128}`: such a text is safe in a header, a file of
/// `NAME=value` lines and a URL.
#[must_use]
pub fn is_token(text: &str) -> bool {
    TOKEN_LEN.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && url.bytes().all(|b| b.is_ascii_graphic())
    })
}

fn is_dir(path: &str) -> bool {
    path.starts_with('/') && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(json: serde_json::Value) -> Services {
        serde_json::from_value(serde_json::json!({ "services": [json] })).unwrap()
    }

    #[test]
    fn a_service_needs_a_name_alone_and_takes_jupyterhubs_defaults() {
        let all = services(serde_json::json!({ "name": "culler" }));
        assert!(all.problems().is_empty());
        let service = all.find(&"culler".parse().unwrap()).unwrap();
        assert!(service.display && !service.admin && !service.is_managed() && !service.has_oauth_client());
        assert_eq!((service.timeout, service.client_id().as_str()), (30, "service-culler"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        for json in [r#"{"name":"a","roles":[]}"#, r#"{"name":"a/b"}"#, r#"{"name":"a","user":"0"}"#, "{}"] {
            assert!(serde_json::from_str::<ServiceSpec>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let all = services(serde_json::json!({
            "name": "x", "command": ["python3"], "cwd": "here", "user": "root", "environment": {"A=B": ""},
            "api_token": "short", "timeout": 0, "oauth_client_id": "x", "url": "unix:/x"
        }));
        let told = all.problems().join("\n");
        for key in ["command", "cwd", "user", "environment", "api_token", "timeout", "oauth_client_id", "url"]
        {
            assert!(told.contains(&format!("services.x.{key}")), "{key}: {told}");
        }
        assert!(!told.contains("short"), "{told}");
    }

    #[test]
    fn two_services_share_neither_name_nor_client() {
        let twice: Services =
            serde_json::from_str(r#"{"services":[{"name":"a"},{"name":"a"},{"name":"b","url":"http://127.0.0.1:1","oauth_client_id":"service-a"}]}"#)
                .unwrap();
        assert_eq!(twice.problems().len(), 2, "{:?}", twice.problems());
    }

    #[test]
    fn a_token_cannot_break_a_line_or_a_header() {
        for bad in
            ["", "1234567", "12345678\n", "1234 5678", "\"12345678", "é2345678", "1234567$", &"x".repeat(129)]
        {
            assert!(!is_token(bad), "{bad:?}");
        }
        assert!(is_token("0123abcd-_XYZ") && is_token(&"f".repeat(64)));
    }
}
