//! `[[profiles]]`: the kinds of servers that people can choose from.

use std::collections::BTreeMap;

use hubgate_protocol::Variables;
use toml::Spanned;
use toml::de::DeValue;

use super::fields::Fields;
use super::limits;
use super::rules;
use super::value::{Complaint, Value, wrong};
use crate::domain::limits::{Limits, show_cores, show_memory};

/// A kind of server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileSpec {
    /// What chooses it in links, forms and the API: 1 to 32 of a-z, 0-9 and `-`.
    pub name: String,
    /// What people read.
    pub title: String,
    /// One or two sentences more; may be empty.
    pub description: String,
    /// Groups (of the hub, the host or the identity provider) whose members see it; none: everybody does.
    pub groups: Vec<String>,
    /// What its servers may use.
    pub limits: Limits,
    /// What goes into their environment.
    pub environment: Variables,
    /// The page that opens first; `None`: `default_url` of the site.
    pub default_url: Option<String>,
    /// Whether Jupyter offers terminals.
    pub terminals: bool,
    /// Whether its servers reach the network.
    pub network: bool,
    /// Name of an environment in spawner.toml; `None`: the site's own.
    pub python: Option<String>,
    /// Modules that are loaded before.
    pub modules: Vec<String>,
    /// Whether its servers have what a login shell sets.
    pub login_shell: bool,
    /// Which of Jupyter's programs it is; `None`: as the site says.
    pub command: Option<String>,
    /// How many GPUs each of its servers has for itself.
    pub gpus: u32,
    /// Paths below which its servers change nothing.
    pub read_only_paths: Vec<String>,
    /// Paths that its servers do not see.
    pub hidden_paths: Vec<String>,
}

/// All of them, in the order in which they are offered; the first one that somebody sees is theirs unless they choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileSpecs(pub Vec<ProfileSpec>);

const KEYS: [&str; 21] = [
    "name",
    "title",
    "description",
    "groups",
    "environment",
    "default_url",
    "terminals",
    "network",
    "python",
    "modules",
    "login_shell",
    "command",
    "gpus",
    "read_only_paths",
    "hidden_paths",
    "mem_limit",
    "mem_guarantee",
    "cpu_limit",
    "cpu_weight",
    "tasks_limit",
    "io_weight",
];
const NAME_MAX: usize = 32;
const TEXT_MAX: usize = 500;
/// What the protocol takes.
const URL_MAX: usize = 256;
const COMMAND_MAX: usize = 32;
const GPUS_MAX: u32 = 64;
const PATHS_MAX: usize = 32;
const PATH_MAX: usize = 255;

/// Texts by name, in a table.
struct Texts(BTreeMap<String, String>);

impl Value for Texts {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong(value, "a table like { DATA = \"/srv/data\" }", complaints);
            return None;
        };
        let one = |(name, text): (&Spanned<_>, _)| {
            Some((AsRef::<str>::as_ref(name.get_ref()).to_owned(), String::from_toml(text, complaints)?))
        };
        Some(Self(table.iter().filter_map(one).collect()))
    }

    fn to_toml(&self) -> String {
        let one = |(name, text): (&String, &String)| format!("{} = {}", name.to_toml(), text.to_toml());
        format!("{{ {} }}", self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

fn profile(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<ProfileSpec> {
    let before = complaints.len();
    let mut fields = Fields::of(value, &KEYS, complaints)?;
    let name: String = fields.need("name")?;
    let title = fields.take("title").unwrap_or_else(|| name.clone());
    let variables: Option<Texts> = fields.take("environment");
    let mut spec = ProfileSpec {
        name,
        title,
        description: fields.take("description").unwrap_or_default(),
        groups: fields.take("groups").unwrap_or_default(),
        limits: limits::take(&mut fields),
        environment: Variables::default(),
        default_url: fields.take("default_url"),
        terminals: fields.take("terminals").unwrap_or(true),
        network: fields.take("network").unwrap_or(true),
        python: fields.take("python"),
        modules: fields.take("modules").unwrap_or_default(),
        login_shell: fields.take("login_shell").unwrap_or(false),
        command: fields.take("command"),
        gpus: fields.take("gpus").unwrap_or_default(),
        read_only_paths: fields.take("read_only_paths").unwrap_or_default(),
        hidden_paths: fields.take("hidden_paths").unwrap_or_default(),
    };
    let mut complain =
        |why: String| complaints.push((value.span(), format!("names the profile {:?}: {why}", spec.name)));
    match variables.map(|texts| Variables::try_from(texts.0)).transpose() {
        Ok(variables) => spec.environment = variables.unwrap_or_default(),
        Err(error) => complain(error.to_string()),
    }
    if let Some(why) = spec.problem() {
        complain(why);
    }
    (complaints.len() == before).then_some(spec)
}

impl ProfileSpec {
    /// A profile with every key but its name at its default.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = name.to_owned();
        Self { title: name.clone(), name, terminals: true, network: true, ..Self::default() }
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let text = |text: &str| text.len() <= TEXT_MAX && !text.chars().any(char::is_control);
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.bytes().all(plain) {
            return Some("a name has 1 to 32 of a-z, 0-9 and -".to_owned());
        }
        if self.title.trim().is_empty() || !text(&self.title) || !text(&self.description) {
            return Some("title is empty, or title or description is too long".to_owned());
        }
        if !self.command.as_deref().is_none_or(is_command) {
            return Some(format!("command is a subcommand of jupyter, 1 to {COMMAND_MAX} of a-z, 0-9 and -"));
        }
        if self.gpus > GPUS_MAX {
            return Some(format!("gpus is at most {GPUS_MAX}"));
        }
        for (key, paths) in [("read_only_paths", &self.read_only_paths), ("hidden_paths", &self.hidden_paths)]
        {
            if paths.len() > PATHS_MAX || !paths.iter().all(|path| is_path(path)) {
                return Some(format!("{key} has at most {PATHS_MAX} paths, each absolute and without .."));
            }
        }
        let url = self.default_url.as_ref()?;
        if url.len() > URL_MAX {
            return Some(format!("default_url has at most {URL_MAX} characters"));
        }
        rules::default_url(url).err().map(|why| format!("default_url {why}"))
    }

    fn to_toml(&self) -> String {
        let mut keys = vec![
            format!("name = {}", self.name.to_toml()),
            format!("title = {}", self.title.to_toml()),
            format!("description = {}", self.description.to_toml()),
            format!("groups = {}", self.groups.to_toml()),
        ];
        let limits = [
            ("mem_limit", self.limits.memory.map(|bytes| show_memory(bytes).to_toml())),
            ("mem_guarantee", self.limits.memory_guarantee.map(|bytes| show_memory(bytes).to_toml())),
            ("cpu_limit", self.limits.cpu_percent.map(show_cores)),
            ("cpu_weight", self.limits.cpu_weight.map(|weight| weight.to_string())),
            ("tasks_limit", self.limits.tasks.map(|tasks| tasks.to_string())),
            ("io_weight", self.limits.io_weight.map(|weight| weight.to_string())),
            ("default_url", self.default_url.as_ref().map(Value::to_toml)),
            ("python", self.python.as_ref().map(Value::to_toml)),
            ("command", self.command.as_ref().map(Value::to_toml)),
        ];
        keys.extend(limits.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?))));
        let environment = self.environment.pairs().map(|(name, text)| (name.to_owned(), text.to_owned()));
        keys.push(format!("environment = {}", Texts(environment.collect()).to_toml()));
        keys.push(format!("terminals = {}, network = {}", self.terminals, self.network));
        keys.push(format!("modules = {}, login_shell = {}", self.modules.to_toml(), self.login_shell));
        keys.push(format!(
            "gpus = {}, read_only_paths = {}, hidden_paths = {}",
            self.gpus,
            self.read_only_paths.to_toml(),
            self.hidden_paths.to_toml()
        ));
        format!("{{ {} }}", keys.join(", "))
    }
}

/// A subcommand of `jupyter`, as the spawner takes it.
fn is_command(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= COMMAND_MAX && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(plain)
}

/// A path that means one place, as the spawner takes it.
fn is_path(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= PATH_MAX
        && !path.chars().any(char::is_control)
        && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
}

impl ProfileSpecs {
    /// The profile of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&ProfileSpec> {
        self.0.iter().find(|profile| profile.name == name)
    }
}

impl Value for ProfileSpecs {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        let Some(array) = value.get_ref().as_array() else {
            wrong(value, "a list of tables, each under [[profiles]]", complaints);
            return None;
        };
        let profiles: Vec<ProfileSpec> = array.iter().filter_map(|one| profile(one, complaints)).collect();
        for (at, spec) in profiles.iter().enumerate() {
            if profiles.iter().take(at).any(|before| before.name == spec.name) {
                complaints.push((value.span(), format!("names the profile {} twice", spec.name)));
            }
        }
        Some(Self(profiles))
    }

    fn to_toml(&self) -> String {
        format!("[{}]", self.0.iter().map(ProfileSpec::to_toml).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn read(text: &str) -> Result<Config, String> {
        super::super::read::parse(std::path::Path::new("hub.toml"), text).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_profile_is_read_and_written_as_it_stands() {
        let text = "[[profiles]]\nname = \"gpu\"\ntitle = \"大模型\"\ngroups = [\"ml\"]\nmem_limit = \"8G\"\ncpu_limit = 2\n\
                    command = \"notebook\"\ngpus = 2\nread_only_paths = [\"/srv/data\"]\nhidden_paths = [\"/srv/exam\"]\n\
                    environment = { DATA = \"/srv/data\" }\ndefault_url = \"/terminals/1\"\nnetwork = false\n\
                    [[profiles]]\nname = \"small\"\n";
        let config = read(text).unwrap();
        let gpu = config.profiles.named("gpu").unwrap();
        assert_eq!((gpu.limits.memory, gpu.limits.cpu_percent), (Some(8 << 30), Some(200)));
        assert_eq!((gpu.terminals, gpu.network), (true, false));
        assert_eq!(config.profiles.named("small").unwrap().title, "small");
        assert_eq!(read(&config.to_toml()).unwrap(), config);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_profile() {
        for (line, part) in [
            ("", "without name"),
            ("name = \"A b\"", "a-z"),
            ("name = \"a\"\ntitle = \" \"", "title"),
            ("name = \"a\"\ndefault_url = \"//x\"", "default_url"),
            ("name = \"a\"\nenvironment = { LD_PRELOAD = \"x\" }", "LD_*"),
            ("name = \"a\"\nmem_limit = \"much\"", "mem_limit"),
            ("name = \"a\"\ncommand = \"sh -c\"", "command"),
            ("name = \"a\"\ngpus = 65", "gpus"),
            ("name = \"a\"\nread_only_paths = [\"data\"]", "read_only_paths"),
            ("name = \"a\"\nhidden_paths = [\"/a/../b\"]", "hidden_paths"),
            ("name = \"a\"\ncolour = 1", "colour"),
            ("name = \"a\"\n[[profiles]]\nname = \"a\"", "twice"),
        ] {
            let why = read(&format!("[[profiles]]\n{line}\n")).unwrap_err();
            assert!(why.contains(part), "{line}: {why}");
        }
    }
}
