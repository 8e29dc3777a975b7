//! `hubgate import jupyterhub_config.py`: the host's Python reads the file, without running it, and what it sets becomes
//! a hubgate.toml.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::roles::{toml_table, toml_value};
use super::settings::{self, Fate};
use crate::cli::{Failure, failure, terminal};
use crate::config::Config;
use crate::files::{self, NewFile};

/// The program that reads the file.
const READER: &str = include_str!("read_config.py");
/// Keys that are tables at the end of the file.
const TABLES: [&str; 3] = ["custom_scopes", "load_groups", "load_roles"];

#[derive(Debug, Deserialize)]
struct Found {
    #[serde(default)]
    options: Vec<OptionLine>,
    #[serde(default)]
    unknown: Vec<Unknown>,
    error: Option<String>,
    line: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct OptionLine {
    line: usize,
    class: String,
    name: String,
    value: Value,
}

#[derive(Debug, Deserialize)]
struct Unknown {
    line: usize,
    text: String,
}

/// What comes of a configuration.
#[derive(Debug, Default)]
struct Draft {
    keys: BTreeMap<&'static str, (usize, Value)>,
    /// By line.
    notes: Vec<(usize, String)>,
}

pub(super) fn run(file: &Path, text: &str, output: Option<&Path>) -> Result<(), Failure> {
    let found = read(file, text)?;
    let mut draft = Draft::default();
    draft.take(&found);
    let toml = draft.toml(file);
    match output {
        Some(path) => {
            if path.symlink_metadata().is_ok() {
                return failure(format!("{} exists already; name another file", path.display()));
            }
            let path = std::path::absolute(path)?;
            files::place(&[NewFile { path, mode: 0o640, bytes: toml.into_bytes().into(), owner: None }])?;
        }
        None => terminal::print(&toml)?,
    }
    draft.notes.sort();
    for (line, note) in &draft.notes {
        terminal::complain(&format!("{}:{line} {note}", file.display()));
    }
    Ok(())
}

/// What the file sets. It is never run: Python parses it.
fn read(file: &Path, text: &str) -> Result<Found, Failure> {
    let mut python = Command::new("/usr/bin/python3");
    python
        .args(["-I", "-S", "-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let absent =
        |error| Failure(format!("/usr/bin/python3, which parses {}, cannot be run: {error}", file.display()));
    let mut child = python.spawn().map_err(absent)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).map_err(absent)?;
    }
    let output = child.wait_with_output().map_err(absent)?;
    let found: Found = serde_json::from_slice(&output.stdout)
        .map_err(|_| Failure(format!("{}: Python cannot parse it", file.display())))?;
    match &found.error {
        None => Ok(found),
        Some(error) => {
            let line = found.line.map(|line| format!("{line}:")).unwrap_or_default();
            failure(format!("{}:{line} is not Python: {error}", file.display()))
        }
    }
}

impl Draft {
    fn take(&mut self, found: &Found) {
        for unknown in &found.unknown {
            self.notes.push((unknown.line, format!("not understood: {}", unknown.text.escape_debug())));
        }
        for option in &found.options {
            let name = format!("c.{}.{}", option.class, option.name);
            match settings::fate(&option.class, &option.name, &option.value) {
                Fate::Keys(keys) => {
                    for (key, value) in keys {
                        self.keys.insert(key, (option.line, value));
                    }
                }
                Fate::Idle(why) => self.notes.push((option.line, format!("{name} is not needed: {why}"))),
                Fate::Advice(what) => self.notes.push((option.line, format!("{name}: {what}"))),
                Fate::Unknown => self.notes.push((option.line, format!("{name} has no counterpart"))),
            }
        }
    }

    /// The text of hubgate.toml. A value that could not be there is left out and noted.
    fn toml(&mut self, file: &Path) -> String {
        let mut text = format!(
            "# Made of {} by `hubgate import`. `hubgate config` prints every key with its meaning.\n",
            file.display().to_string().escape_debug()
        );
        let (tables, plain): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.keys).into_iter().partition(|(key, _)| TABLES.contains(key));
        for (key, (line, value)) in plain.into_iter().chain(tables) {
            let Some(more) = lines(key, &value) else {
                self.notes.push((line, format!("{key} holds None, which hubgate.toml does not have")));
                continue;
            };
            let longer = format!("{text}\n# line {line}\n{more}");
            match Config::parse(Path::new("hubgate.toml"), &longer) {
                Ok(_) => text = longer,
                Err(errors) => {
                    for error in errors.errors {
                        self.notes.push((line, format!("left out: {}", error.message)));
                    }
                }
            }
        }
        text
    }
}

/// One key as lines of TOML.
fn lines(key: &str, value: &Value) -> Option<String> {
    let object = |value: &Value| value.as_object().map(without_null);
    match (key, value) {
        ("load_roles", Value::Array(roles)) => {
            let tables: Option<Vec<String>> =
                roles.iter().map(|role| Some(toml_table("[[load_roles]]", &object(role)?))).collect();
            tables.map(|tables| tables.join("\n"))
        }
        ("custom_scopes" | "load_groups", Value::Object(all)) => {
            let table = |(name, one): (&String, &Value)| {
                Some(toml_table(
                    &format!("[{key}.{}]", toml_value(&Value::String(name.clone()))?),
                    &object(one)?,
                ))
            };
            all.iter().map(table).collect::<Option<Vec<String>>>().map(|tables| tables.join("\n"))
        }
        _ => Some(format!("{key} = {}\n", toml_value(value)?)),
    }
}

fn without_null(table: &Map<String, Value>) -> Map<String, Value> {
    table
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
