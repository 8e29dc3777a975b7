//! From the text of a file to a [`Config`], collecting every complaint with its line.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::load::{ConfigError, ConfigErrors};
use super::value::{Complaint, Value};
use super::{Authenticator, Config, Origin};
use crate::domain::scope::Base;

/// Furthest distance of a key that is offered instead of an unknown one.
const SUGGESTION_MIN: f64 = 0.75;

/// The top table of a file while its keys are taken.
pub(super) struct Reader<'t, 'i> {
    table: &'t DeTable<'i>,
    complaints: Vec<Complaint>,
}

impl Reader<'_, '_> {
    /// Puts the value of `key`, if the file has it and it is right, into `slot`.
    pub(super) fn take<T: Value>(&mut self, key: &str, slot: &mut T, rule: fn(&T) -> Result<(), String>) {
        let Some(value) = self.table.get(key) else { return };
        let mut found = Vec::new();
        if let Some(new) = T::from_toml(value, &mut found) {
            match rule(&new) {
                Ok(()) => *slot = new,
                Err(why) => found.push((value.span(), why)),
            }
        }
        self.complaints.extend(found.into_iter().map(|(span, why)| (span, format!("{key} {why}"))));
    }

    /// A scope of the site's own must be defined, wherever it is used.
    fn refuse_unknown_scopes(&mut self, config: &Config) {
        let Ok(customs) = config.custom_scopes.definitions() else { return };
        let roles = config.load_roles.0.iter().filter_map(|role| role.scopes.as_ref()).flatten();
        for (key, scope) in roles
            .map(|scope| ("load_roles", scope))
            .chain(config.extra_user_scopes.iter().map(|scope| ("extra_user_scopes", scope)))
        {
            if let Base::Custom(name) = &scope.base
                && !customs.knows(name)
            {
                let span = self.table.get(key).map_or(0..0, Spanned::span);
                self.complaints.push((span, format!("{key} names {scope}; define it under [custom_scopes]")));
            }
        }
    }

    /// Somebody must be able to log in, and come back from where they do.
    fn refuse_missing_ways_in(&mut self, config: &Config) {
        let span = |key: &str| self.table.get(key).map_or(0..0, Spanned::span);
        if config.oidc.0.is_empty() && config.authenticator == Authenticator::None {
            let why = "authenticator is \"none\" and there is no [[oidc]]: nobody could log in";
            self.complaints.push((span("authenticator"), why.to_owned()));
        }
        if !config.oidc.0.is_empty() && config.public_url.is_empty() {
            let why = "oidc needs public_url: the provider sends people back to an address below it";
            self.complaints.push((span("oidc"), why.to_owned()));
        }
    }

    fn refuse_unknown_keys(&mut self) {
        for key in self.table.keys() {
            if !Config::KEYS.contains(&key.get_ref().as_ref()) {
                self.complaints.push((key.span(), unknown(key.get_ref())));
            }
        }
    }
}

/// What to say about a key that is not ours.
fn unknown(key: &str) -> String {
    let near = Config::KEYS
        .iter()
        .map(|known| (strsim::jaro_winkler(key, known), *known))
        .filter(|(likeness, _)| *likeness >= SUGGESTION_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let advice = near.map_or_else(
        || "remove it; `hubgate config` prints all keys".to_owned(),
        |(_, known)| format!("did you mean {known}?"),
    );
    format!("unknown key {key:?}: {advice}")
}

/// Line of a byte, from 1.
pub(super) fn line(text: &str, span: &Range<usize>) -> usize {
    1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count()
}

/// Which line of the file sets what.
fn origin(path: &Path, text: &str, table: &DeTable<'_>) -> Origin {
    let known = |key: &Spanned<_>, name: &str| {
        Config::KEYS.iter().find(|known| **known == name).map(|known| (*known, line(text, &key.span())))
    };
    Origin::new(path, table.keys().filter_map(|key| known(key, key.get_ref())).collect())
}

/// Reads a configuration from its text; `path` is for the messages.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigErrors> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut complaints: Vec<Complaint> = syntax
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), error.message().replace('\n', ", ")))
        .collect();
    let mut config = Config::default();
    if complaints.is_empty() {
        let mut reader = Reader { table: table.get_ref(), complaints };
        config.fill(&mut reader);
        reader.refuse_unknown_keys();
        reader.refuse_unknown_scopes(&config);
        reader.refuse_missing_ways_in(&config);
        complaints = reader.complaints;
    }
    if complaints.is_empty() {
        config.origin = origin(path, text, table.get_ref());
        return Ok(config);
    }
    complaints.sort_by_key(|(span, _)| span.start);
    let errors = complaints
        .into_iter()
        .map(|(span, message)| ConfigError { line: Some(line(text, &span)), message })
        .collect();
    Err(ConfigErrors { path: path.to_owned(), errors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Group, Mode};

    fn refused(text: &str) -> String {
        parse(Path::new("hub.toml"), text).expect_err(text).to_string()
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse(Path::new("x"), "").unwrap(), Config::default());
    }

    #[test]
    fn all_errors_come_at_once_each_with_its_line() {
        let text = "workers = \"2\"\nprot = 1\n\nsession_hours = 0\nadmin_users = [\"ada\", \"root\"]\n";
        let message = refused(text);
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines.len(), 4, "{message}");
        for (line, start) in lines.iter().zip([
            "hub.toml:1: workers",
            "hub.toml:2: unknown",
            "hub.toml:4: session_hours",
            "hub.toml:5: admin_users",
        ]) {
            assert!(line.starts_with(start), "{message}");
        }
    }

    #[test]
    fn it_is_known_which_line_sets_a_key() {
        let text = "# workers = 1\nworkers = 2\n\n[load_groups.physics]\nusers = []\n";
        let config = parse(Path::new("/etc/hub.toml"), text).unwrap();
        let line = |key| config.origin.line(key);
        assert_eq!((line("workers"), line("load_groups"), line("base_url")), (Some(2), Some(4), None));
        assert_eq!(config.origin.file(), Path::new("/etc/hub.toml"));
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_known_one() {
        assert!(refused("baseurl = \"/x\"").contains("did you mean base_url?"));
        assert!(refused("zzz = 1").contains("hubgate config"));
    }

    #[test]
    fn values_of_every_type_are_read() {
        let text = "listen_mode = 0o600\nlisten_group = 33\nadmin_users = [\"ada\"]\nauthenticator = \"file\"\nworkers = 2";
        let config = parse(Path::new("x"), text).unwrap();
        assert_eq!(
            (config.listen_mode, config.listen_group, config.workers),
            (Mode(0o600), Group::Id(33), 2)
        );
        assert_eq!((config.authenticator, config.admin_users.len()), (Authenticator::File, 1));
    }

    #[test]
    fn wrong_types_and_ranges_are_refused() {
        for text in [
            "workers = -1",
            "workers = 99999999999999999999",
            "workers = 1.5",
            "session_hours = \"0\"",
            "base_url = 7",
            "admin_users = \"ada\"",
            "admin_users = [1]",
            "listen_group = \"-x\"",
            "watch = true",
            "[workers]\nx = 1",
            "workers.x = 1",
            "a = ",
            "workers = 1\nworkers = 2",
            "[a]\n[a]",
        ] {
            refused(text);
        }
    }
}
