//! `[[oidc]]`: the identity providers that people may log in with.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;
use url::{Host, Url};

use super::fields::Fields;
use super::value::{Complaint, Value, wrong};

/// A provider of OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSpec {
    /// In addresses and in the database: what people are here stays with it.
    pub name: String,
    /// On the button.
    pub title: String,
    /// Its issuer, exactly as it calls itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// File with our secret there; `None` for a client without one.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that is the login name.
    pub username_claim: String,
    /// The claim that lists groups; empty for none.
    pub groups_claim: String,
    /// Whether its names are those of the same people here.
    pub same_names: bool,
    /// Whether a log-out here is one there.
    pub logout: bool,
    /// Whether people who are not logged in are sent there at once.
    pub auto_login: bool,
    /// Certificates that sign its own, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How far its clock and ours may differ, seconds.
    pub clock_skew_seconds: u32,
}

/// `[[oidc]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderSpecs(pub Vec<ProviderSpec>);

const KEYS: [&str; 13] = [
    "name",
    "title",
    "issuer",
    "client_id",
    "client_secret_file",
    "scopes",
    "username_claim",
    "groups_claim",
    "same_names",
    "logout",
    "auto_login",
    "ca_file",
    "clock_skew_seconds",
];
const NAME_MAX: usize = 32;
const TEXT_MAX: usize = 255;
const SKEW_MAX_S: u32 = 600;

impl ProviderSpec {
    /// A provider with what must be said and every other key at its default.
    #[must_use]
    pub fn new(name: &str, issuer: &str, client_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret_file: None,
            scopes: ["profile", "email"].map(str::to_owned).to_vec(),
            username_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
            same_names: false,
            logout: false,
            auto_login: false,
            ca_file: None,
            clock_skew_seconds: 60,
        }
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let text = |text: &String| text.len() <= TEXT_MAX && !text.chars().any(char::is_control);
        let word = |word: &String| !word.is_empty() && text(word) && !word.contains(char::is_whitespace);
        let path = |path: &Option<PathBuf>| path.as_ref().is_none_or(|path| path.is_absolute());
        let says = |right: bool, why: &str| (!right).then(|| format!("{:?}: {why}", self.name));
        let named = !self.name.is_empty() && self.name.len() <= NAME_MAX && self.name.bytes().all(plain);
        says(named, "a name has 1 to 32 of a-z, 0-9 and -")
            .or_else(|| says(!self.title.trim().is_empty() && text(&self.title), "title is empty or too long"))
            .or_else(|| {
                let why = "issuer must be \"https://…\" without query; http:// is for 127.0.0.1, [::1] and localhost alone";
                says(is_issuer(&self.issuer), why)
            })
            .or_else(|| says(word(&self.client_id), "client_id is empty or too long"))
            .or_else(|| says(word(&self.username_claim), "username_claim is empty or too long"))
            .or_else(|| says(text(&self.groups_claim), "groups_claim is too long"))
            .or_else(|| says(self.scopes.iter().all(word), "scopes holds what is no scope"))
            .or_else(|| says(path(&self.client_secret_file), "client_secret_file must be an absolute path"))
            .or_else(|| says(path(&self.ca_file), "ca_file must be an absolute path"))
            .or_else(|| says(self.clock_skew_seconds <= SKEW_MAX_S, "clock_skew_seconds must be 0 to 600"))
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let mut fields = Fields::of(value, &KEYS, complaints)?;
        let name: Option<String> = fields.need("name");
        let issuer: Option<String> = fields.need("issuer");
        let client_id: Option<String> = fields.need("client_id");
        let default = Self::new(&name?, &issuer?, &client_id?);
        let spec = Self {
            title: fields.take("title").unwrap_or(default.title),
            client_secret_file: fields.take("client_secret_file"),
            scopes: fields.take("scopes").unwrap_or(default.scopes),
            username_claim: fields.take("username_claim").unwrap_or(default.username_claim),
            groups_claim: fields.take("groups_claim").unwrap_or(default.groups_claim),
            same_names: fields.take("same_names").unwrap_or(default.same_names),
            logout: fields.take("logout").unwrap_or(default.logout),
            auto_login: fields.take("auto_login").unwrap_or(default.auto_login),
            ca_file: fields.take("ca_file"),
            clock_skew_seconds: fields.take("clock_skew_seconds").unwrap_or(default.clock_skew_seconds),
            ..default
        };
        if let Some(problem) = spec.problem() {
            complaints.push((value.span(), format!("names the provider {problem}")));
            return None;
        }
        Some(spec)
    }

    fn to_toml(&self) -> String {
        let path = |key: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!(", {key} = {}", path.to_toml())).unwrap_or_default()
        };
        format!(
            "{{ name = {}, title = {}, issuer = {}, client_id = {}{}, scopes = {}, username_claim = {}, groups_claim = {}, \
             same_names = {}, logout = {}, auto_login = {}{}, clock_skew_seconds = {} }}",
            self.name.to_toml(),
            self.title.to_toml(),
            self.issuer.to_toml(),
            self.client_id.to_toml(),
            path("client_secret_file", &self.client_secret_file),
            self.scopes.to_toml(),
            self.username_claim.to_toml(),
            self.groups_claim.to_toml(),
            self.same_names,
            self.logout,
            self.auto_login,
            path("ca_file", &self.ca_file),
            self.clock_skew_seconds
        )
    }
}

/// Whether an address of a provider is one that nobody on the way can read or change: TLS, or this very machine.
#[must_use]
pub fn is_private(address: &Url) -> bool {
    let here = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => return false,
    };
    address.scheme() == "https" || (address.scheme() == "http" && here)
}

fn is_issuer(text: &str) -> bool {
    text.len() <= TEXT_MAX
        && Url::parse(text).is_ok_and(|url| {
            let bare = url.username().is_empty() && url.password().is_none();
            is_private(&url) && bare && url.query().is_none() && url.fragment().is_none()
        })
}

impl Value for ProviderSpecs {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            wrong(value, "a list of tables, each under [[oidc]]", complaints);
            return None;
        };
        let all: Vec<ProviderSpec> =
            array.iter().filter_map(|one| ProviderSpec::from_toml(one, complaints)).collect();
        for (at, spec) in all.iter().enumerate() {
            if all.iter().take(at).any(|before| before.name == spec.name) {
                complaints.push((value.span(), format!("names the provider {} twice", spec.name)));
            }
        }
        if all.iter().filter(|spec| spec.auto_login).count() > 1 {
            complaints.push((value.span(), "has auto_login at more than one provider".to_owned()));
        }
        Some(Self(all))
    }

    fn to_toml(&self) -> String {
        let all: Vec<String> = self.0.iter().map(ProviderSpec::to_toml).collect();
        format!("[{}]", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, read};

    const LEAST: &str = "public_url = \"https://hub.example.org\"\n[[oidc]]\nname = \"uni\"\n\
                         issuer = \"https://login.example.org/realms/uni\"\nclient_id = \"hubgate\"\n";

    fn parsed(text: &str) -> Result<Config, String> {
        read::parse(Path::new("hubgate.toml"), text).map_err(|errors| errors.to_string())
    }

    #[test]
    fn three_lines_make_a_provider() {
        let config = parsed(LEAST).unwrap();
        let spec = ProviderSpec::new("uni", "https://login.example.org/realms/uni", "hubgate");
        assert_eq!(config.oidc.0, [spec]);
    }

    #[test]
    fn every_key_survives_being_written_and_read() {
        let more = "title = \"University\"\nclient_secret_file = \"/etc/hubgate/uni.secret\"\nscopes = [\"email\"]\n\
                    username_claim = \"email\"\ngroups_claim = \"roles\"\nsame_names = true\nlogout = true\n\
                    auto_login = true\nca_file = \"/etc/uni.pem\"\nclock_skew_seconds = 5\n";
        let config = parsed(&format!("{LEAST}{more}")).unwrap();
        assert_eq!(parsed(&config.to_toml()).unwrap(), config);
        for key in KEYS {
            assert!(config.oidc.to_toml().contains(&format!("{key} = ")), "{key}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (line, why) in [
            ("issuer = \"http://login.example.org\"", "https://"),
            ("issuer = \"https://a:b@login.example.org\"", "https://"),
            ("issuer = \"https://login.example.org/?x\"", "https://"),
            ("issuer = \"file:///etc/passwd\"", "https://"),
            ("name = \"Uni\"", "a-z"),
            ("name = \"\"", "a-z"),
            ("client_id = \"\"", "client_id"),
        ] {
            let key = line.split(' ').next().unwrap();
            let text: Vec<&str> =
                LEAST.lines().map(|old| if old.starts_with(key) { line } else { old }).collect();
            let refused = parsed(&text.join("\n")).expect_err(line);
            assert!(
                refused.starts_with("hubgate.toml:2: oidc") && refused.contains(why),
                "{line}: {refused}"
            );
        }
        for line in [
            "clock_skew_seconds = 601",
            "ca_file = \"ca.pem\"",
            "client_secret = \"inline\"",
            "scopes = [\"a b\"]",
            "title = \" \"",
        ] {
            assert!(parsed(&format!("{LEAST}{line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn providers_are_told_apart_and_one_at_most_logs_in_by_itself() {
        let second = LEAST.replace("public_url = \"https://hub.example.org\"\n", "");
        assert!(parsed(&format!("{LEAST}{second}")).unwrap_err().contains("twice"));
        let other = second.replace("\"uni\"", "\"two\"");
        assert!(parsed(&format!("{LEAST}{other}")).is_ok());
        let both = format!("{LEAST}auto_login = true\n{other}auto_login = true\n");
        assert!(parsed(&both).unwrap_err().contains("auto_login"));
    }

    #[test]
    fn a_provider_needs_an_address_to_come_back_to() {
        let text = LEAST.replace("public_url = \"https://hub.example.org\"\n", "");
        assert!(parsed(&text).unwrap_err().contains("public_url"));
    }

    #[test]
    fn nobody_can_log_in_where_there_is_neither_password_nor_provider() {
        assert!(parsed("authenticator = \"none\"").unwrap_err().contains("[[oidc]]"));
        assert!(parsed(&format!("authenticator = \"none\"\n{LEAST}")).is_ok());
    }
}
