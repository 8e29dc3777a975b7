//! What a start asks for beside whose it is: checked, and put into the engine's words. Pure.

use hubgate_protocol::message::Manner;
use hubgate_protocol::{Limits, Variables};

use super::refusal::{Refused, bad};
use crate::engine::{Network, Paths};
use crate::hub::Environment;

/// Longest page that opens first, in bytes.
const URL_MAX: usize = 256;
/// Most modules of one start, and the longest name of one.
const MODULES_MAX: usize = 16;
const MODULE_MAX: usize = 64;
/// Most paths of a kind, and the longest in bytes.
const PATHS_MAX: usize = 32;
const PATH_MAX: usize = 255;

/// Limits, environment and manner of one start.
pub(super) struct Wanted {
    pub(super) limits: Limits,
    pub(super) environment: Variables,
    pub(super) manner: Manner,
}

impl Wanted {
    /// Whether all is within its range; the environment was looked at while the frame was read.
    pub(super) fn check(&self) -> Result<(), Refused> {
        check_limits(&self.limits)?;
        let plain = |url: &String| {
            url.starts_with('/') && url.len() <= URL_MAX && url.bytes().all(|b| b.is_ascii_graphic())
        };
        if !self.manner.default_url.as_ref().is_none_or(plain) {
            return Err(bad("default_url must be `/` and up to 255 more printable ASCII characters"));
        }
        if !self.manner.command.as_deref().is_none_or(is_command) {
            return Err(bad("command must be 1 to 32 of a-z, 0-9 and -, and begin with a letter"));
        }
        let closed = |paths: &[String]| paths.len() <= PATHS_MAX && paths.iter().all(|path| is_path(path));
        if !closed(&self.manner.read_only) || !closed(&self.manner.hidden) {
            return Err(bad("read_only and hidden must be at most 32 absolute paths without `..`"));
        }
        let modules = &self.manner.modules;
        if modules.len() <= MODULES_MAX && modules.iter().all(|name| is_module(name)) {
            return Ok(());
        }
        Err(bad("modules must be at most 16 names of letters, digits and ._+/-, each at most 64 long"))
    }

    /// What is closed to it.
    pub(super) fn paths(&self) -> Paths {
        Paths { read_only: self.manner.read_only.clone(), hidden: self.manner.hidden.clone() }
    }

    /// What it reaches; a server of the hub flavour needs the hub's API, which is on the loopback interface.
    pub(super) fn network(&self, of_hub: bool) -> Network {
        match (self.manner.offline, of_hub) {
            (false, _) => Network::AsItIs,
            (true, true) => Network::Loopback,
            (true, false) => Network::None,
        }
    }

    /// What JupyterHub's servers are told of their limits: extensions that show what is used look there.
    pub(super) fn told_limits(&self) -> Environment {
        let Limits { memory_max, memory_low, cpu_quota_percent, .. } = self.limits;
        let mut env = Environment::default();
        for (name, bytes) in [("MEM_LIMIT", memory_max), ("MEM_GUARANTEE", memory_low)] {
            if let Some(bytes) = bytes {
                env.set(name, bytes.to_string());
            }
        }
        if let Some(percent) = cpu_quota_percent {
            env.set("CPU_LIMIT", format!("{:?}", f64::from(percent) / 100.0));
        }
        env
    }

    /// The profile's variables and what hubgate_server.py reads.
    pub(super) fn env(&self) -> Environment {
        let mut env = Environment::default();
        for (name, value) in self.environment.pairs() {
            env.set(name, value);
        }
        if let Some(url) = &self.manner.default_url {
            env.set("HUBGATE_DEFAULT_URL", url.as_str());
        }
        if self.manner.no_terminals {
            env.set("HUBGATE_TERMINALS", "0");
        }
        if self.manner.login_shell {
            env.set("HUBGATE_LOGIN_SHELL", "1");
        }
        if let Some(command) = &self.manner.command {
            env.set("HUBGATE_APP", command.as_str());
        }
        if !self.manner.modules.is_empty() {
            env.set("HUBGATE_MODULES", self.manner.modules.join(" "));
        }
        env
    }
}

/// A subcommand of `jupyter`.
fn is_command(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 32 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(plain)
}

/// A path that means one place; the root itself is none that could be closed.
fn is_path(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= PATH_MAX
        && !path.chars().any(char::is_control)
        && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
}

/// A name of the module system, and no path of somebody's own: a shell reads it.
fn is_module(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'/' | b'-');
    (1..=MODULE_MAX).contains(&name.len())
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && name.bytes().all(plain)
        && !name.contains("..")
}

/// Whether each limit is one that systemd takes and a server can live with.
pub(super) fn check_limits(limits: &Limits) -> Result<(), Refused> {
    let within = |value: Option<u32>, most: u32| value.is_none_or(|value| (1..=most).contains(&value));
    let weights = within(limits.cpu_weight, 10_000) && within(limits.io_weight, 10_000);
    let sizes = limits.tasks_max != Some(0) && limits.memory_max != Some(0) && limits.disk_quota != Some(0);
    if weights && sizes && within(limits.cpu_quota_percent, 1_000_000) {
        return Ok(());
    }
    Err(bad("a limit is outside its range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(manner: Manner) -> Wanted {
        Wanted { limits: Limits::default(), environment: Variables::default(), manner }
    }

    #[test]
    fn a_page_that_could_break_a_line_is_refused() {
        for (url, good) in
            [("/lab/tree/a%20b", true), ("lab", false), ("/a b", false), ("/a\nB=1", false), ("", false)]
        {
            let manner = Manner { default_url: Some(url.to_owned()), ..Manner::default() };
            assert_eq!(wanted(manner).check().is_ok(), good, "{url:?}");
        }
    }

    #[test]
    fn modules_are_names_that_a_shell_can_read_as_they_are() {
        for (name, good) in [
            ("cuda/12.4", true),
            ("gcc+mpi-4_1", true),
            ("", false),
            ("/home/mallory/module", false),
            ("a/../b", false),
            ("a b", false),
            ("a;id", false),
            ("$(id)", false),
            ("-f", false),
            (&"x".repeat(65), false),
        ] {
            let manner = Manner { modules: vec![name.to_owned()], ..Manner::default() };
            assert_eq!(wanted(manner).check().is_ok(), good, "{name:?}");
        }
        let manner = Manner { modules: vec!["a".to_owned(); 17], ..Manner::default() };
        assert!(wanted(manner).check().is_err());
        let manner =
            Manner { modules: vec!["a".to_owned(), "b".to_owned()], login_shell: true, ..Manner::default() };
        let env = wanted(manner).env();
        assert_eq!(
            env.pairs().collect::<Vec<_>>(),
            [("HUBGATE_LOGIN_SHELL", "1"), ("HUBGATE_MODULES", "a b")]
        );
    }

    #[test]
    fn programs_and_paths_are_what_they_look_like() {
        for (command, good) in [
            ("lab", true),
            ("nbclassic", true),
            ("", false),
            ("-x", false),
            ("lab --allow-root", false),
            ("../sh", false),
        ] {
            let manner = Manner { command: Some(command.to_owned()), ..Manner::default() };
            assert_eq!(wanted(manner).check().is_ok(), good, "{command:?}");
        }
        for (path, good) in [
            ("/srv/data", true),
            ("/srv/数据 1", true),
            ("/", false),
            ("", false),
            ("srv", false),
            ("/srv/../etc", false),
            ("/srv//x", false),
            ("/srv/\nUser=root", false),
            (&format!("/{}", "x".repeat(255)), false),
        ] {
            for hidden in [true, false] {
                let (mut manner, path) = (Manner::default(), vec![path.to_owned()]);
                if hidden {
                    manner.hidden = path
                } else {
                    manner.read_only = path
                }
                assert_eq!(wanted(manner.clone()).check().is_ok(), good, "{manner:?}");
            }
        }
    }

    #[test]
    fn limits_are_told_as_jupyterhub_tells_them() {
        let limits = Limits { memory_max: Some(1 << 30), cpu_quota_percent: Some(150), ..Limits::default() };
        let told = Wanted { limits, ..wanted(Manner::default()) }.told_limits();
        assert_eq!(told.pairs().collect::<Vec<_>>(), [("MEM_LIMIT", "1073741824"), ("CPU_LIMIT", "1.5")]);
        let one = Limits { memory_low: Some(1), cpu_quota_percent: Some(100), ..Limits::default() };
        let told = Wanted { limits: one, ..wanted(Manner::default()) }.told_limits();
        assert_eq!(told.pairs().collect::<Vec<_>>(), [("MEM_GUARANTEE", "1"), ("CPU_LIMIT", "1.0")]);
    }

    #[test]
    fn a_server_without_network_reaches_the_hub_only_where_it_must() {
        let manner = Manner { offline: true, no_terminals: true, ..Manner::default() };
        let wanted = wanted(manner);
        assert_eq!((wanted.network(false), wanted.network(true)), (Network::None, Network::Loopback));
        assert_eq!(wanted.env().pairs().collect::<Vec<_>>(), [("HUBGATE_TERMINALS", "0")]);
    }
}
