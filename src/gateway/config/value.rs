//! Types of configuration values: how each is read from TOML and written to it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use hubgate_protocol::{ServerName, Username};
use toml::Spanned;
use toml::de::DeValue;

use crate::domain::entity::{GroupName, ServiceName};
use crate::domain::scope::Scope;

/// A complaint and the bytes of the file that it is about.
pub(super) type Complaint = (Range<usize>, String);

/// A type that a key can have.
pub(super) trait Value: Sized {
    /// Reads it; pushes what is wrong.
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self>;
    /// Writes it.
    fn to_toml(&self) -> String;
}

/// Who checks passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authenticator {
    /// The spawner, by PAM.
    Pam,
    /// The gateway, by the hashes of its database.
    File,
    /// Nobody: there are no passwords here.
    None,
}

/// Who tells the state of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchSource {
    /// systemd, on the system bus.
    Systemd,
    /// The spawner's `Watch` stream.
    Spawner,
}

/// What runs where a user's server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// A Jupyter Server that believes nginx and the gateway: no token, no second login.
    Direct,
    /// `jupyterhub-singleuser`, unmodified: it asks the hub's API who somebody is.
    Hub,
}

/// Permission bits of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(
    /// The bits, at most `0o777`.
    pub u32,
);

/// A group of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// By name, looked up when it is needed.
    Name(String),
    /// By number.
    Id(u32),
}

impl Group {
    /// The number of the group; `None` where no group has that name.
    #[must_use]
    pub fn gid(&self) -> Option<u32> {
        match self {
            Self::Id(gid) => Some(*gid),
            Self::Name(name) => {
                nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
            }
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Id(gid) => write!(f, "{gid}"),
        }
    }
}

/// What is typed, and the user that it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameMap(pub BTreeMap<String, Username>);

impl Value for NameMap {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong(value, "a table like { \"A.Smith@example.org\" = \"asmith\" }", complaints);
            return None;
        };
        let mut map = BTreeMap::new();
        for (typed, user) in table {
            let Some(text) = String::from_toml(user, complaints) else { continue };
            match text.parse() {
                Ok(name) => drop(map.insert(typed.get_ref().to_string(), name)),
                Err(error) => complaints.push((user.span(), format!("has a bad user name: {error}"))),
            }
        }
        Some(Self(map))
    }

    fn to_toml(&self) -> String {
        let one = |(typed, user): (&String, &Username)| {
            format!("{} = {}", typed.to_toml(), user.to_string().to_toml())
        };
        let all: Vec<String> = self.0.iter().map(one).collect();
        if all.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", all.join(", ")) }
    }
}

/// Complains of a type.
pub(super) fn wrong(value: &Spanned<DeValue<'_>>, expected: &str, complaints: &mut Vec<Complaint>) {
    let got = value.get_ref().type_str();
    complaints.push((value.span(), format!("must be {expected}, not a value of type {got}")));
}

/// A whole number, whatever base it is written in.
fn integer<N: TryFrom<i64>>(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<N> {
    let Some(digits) = value.get_ref().as_integer() else {
        wrong(value, "a whole number (without quotes)", complaints);
        return None;
    };
    let plain = digits.as_str().replace('_', "");
    let number = i64::from_str_radix(&plain, digits.radix()).ok().and_then(|number| N::try_from(number).ok());
    if number.is_none() {
        complaints.push((value.span(), "is a number out of range".to_owned()));
    }
    number
}

impl Value for String {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            wrong(value, "a text in quotes", complaints);
        }
        text.map(ToOwned::to_owned)
    }

    fn to_toml(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Value for PathBuf {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        String::from_toml(value, complaints).map(Self::from)
    }

    fn to_toml(&self) -> String {
        self.display().to_string().to_toml()
    }
}

macro_rules! number {
    ($kind:ty) => {
        impl Value for $kind {
            fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
                integer(value, complaints)
            }

            fn to_toml(&self) -> String {
                self.to_string()
            }
        }
    };
}
number!(u16);
number!(u32);

impl Value for Mode {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        integer(value, complaints).map(Self)
    }

    fn to_toml(&self) -> String {
        format!("0o{:03o}", self.0)
    }
}

impl Value for Group {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        if value.get_ref().is_integer() {
            return integer(value, complaints).map(Self::Id);
        }
        let name = String::from_toml(value, complaints)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > 32 || name.starts_with('-') || !name.bytes().all(plain) {
            complaints.push((value.span(), "is no name of a group".to_owned()));
            return None;
        }
        Some(Self::Name(name))
    }

    fn to_toml(&self) -> String {
        match self {
            Self::Name(name) => name.to_toml(),
            Self::Id(gid) => gid.to_string(),
        }
    }
}

/// What a list may hold: names and scopes, each read from its text.
pub(super) trait Listed: FromStr<Err: fmt::Display> + fmt::Display {
    /// As the refusal calls one.
    const WHAT: &'static str;
}

impl Listed for Username {
    const WHAT: &'static str = "user name";
}

impl Listed for GroupName {
    const WHAT: &'static str = "group name";
}

impl Listed for ServiceName {
    const WHAT: &'static str = "service name";
}

impl Listed for Scope {
    const WHAT: &'static str = "scope";
}

impl Listed for String {
    const WHAT: &'static str = "text";
}

impl<T: Listed> Value for Vec<T> {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            wrong(value, &format!("a list like [\"…\"], each a {}", T::WHAT), complaints);
            return None;
        };
        let mut all = Self::new();
        for element in array.iter() {
            let Some(text) = String::from_toml(element, complaints) else { continue };
            match text.parse() {
                Ok(one) => all.push(one),
                Err(error) => complaints.push((element.span(), format!("has a bad {}: {error}", T::WHAT))),
            }
        }
        Some(all)
    }

    fn to_toml(&self) -> String {
        let all: Vec<String> = self.iter().map(|one| one.to_string().to_toml()).collect();
        format!("[{}]", all.join(", "))
    }
}

impl Value for bool {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            wrong(value, "true or false (without quotes)", complaints);
        }
        found
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl Value for ServerName {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let text = String::from_toml(value, complaints)?;
        let name = text.parse();
        name.inspect_err(|error| complaints.push((value.span(), format!("is no server name: {error}")))).ok()
    }

    fn to_toml(&self) -> String {
        self.as_str().to_owned().to_toml()
    }
}

/// Any value as JSON; times as their text.
pub(super) fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(digits) => i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix())
            .map_or(serde_json::Value::Null, Into::into),
        DeValue::Float(digits) => {
            digits.as_str().replace('_', "").parse::<f64>().map_or(serde_json::Value::Null, Into::into)
        }
        DeValue::Boolean(yes) => (*yes).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(all) => all.iter().map(|one| json(one.get_ref())).collect(),
        DeValue::Table(table) => {
            let fields = table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
            serde_json::Value::Object(fields.collect())
        }
    }
}

macro_rules! word {
    ($kind:ty, $($word:literal => $variant:path),+) => {
        impl Value for $kind {
            fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
                let text = String::from_toml(value, complaints)?;
                match text.as_str() {
                    $($word => Some($variant),)+
                    _ => {
                        complaints.push((value.span(), concat!("must be one of", $(" \"", $word, "\""),+).to_owned()));
                        None
                    }
                }
            }

            fn to_toml(&self) -> String {
                match self {
                    $($variant => $word.to_owned().to_toml(),)+
                }
            }
        }
    };
}
word!(Authenticator, "pam" => Authenticator::Pam, "file" => Authenticator::File, "none" => Authenticator::None);
word!(WatchSource, "systemd" => WatchSource::Systemd, "spawner" => WatchSource::Spawner);
word!(Flavour, "direct" => Flavour::Direct, "hub" => Flavour::Hub);
