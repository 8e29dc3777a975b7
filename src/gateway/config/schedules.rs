//! `[[cull_rules]]` and `[[prestarts]]`: what holds for groups, and when.

use toml::Spanned;
use toml::de::DeValue;

use super::fields::Fields;
use super::rules;
use super::value::{Complaint, Value, wrong};
use crate::domain::entity::GroupName;
use crate::domain::schedule::{Days, TimeOfDay, WallTime};

/// When servers that nobody uses are stopped, for some people on some days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CullRule {
    /// Groups of the hub whose members it is for; none: everybody.
    pub groups: Vec<String>,
    /// When it holds.
    pub days: Days,
    /// In place of `cull_idle_minutes`.
    pub idle_minutes: u32,
    /// In place of `cull_max_age_hours`.
    pub max_age_hours: u32,
}

/// A class whose servers run before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prestart {
    /// The group of the hub.
    pub group: String,
    /// On which days.
    pub days: Days,
    /// By when all of them are started.
    pub at: TimeOfDay,
    /// Over how many minutes before, 1 to 240.
    pub minutes: u32,
}

/// All rules, in their order: the first that is for somebody today holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CullRules(pub Vec<CullRule>);

/// All classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prestarts(pub Vec<Prestart>);

/// Longest time over which servers of a class are started, minutes.
const MINUTES_MAX: u32 = 240;

impl CullRules {
    /// The rule for somebody in these groups now.
    #[must_use]
    pub fn of(&self, in_group: impl Fn(&str) -> bool, now: WallTime) -> Option<&CullRule> {
        let meant =
            |rule: &&CullRule| rule.groups.is_empty() || rule.groups.iter().any(|group| in_group(group));
        self.0.iter().find(|rule| meant(rule) && rule.days.hold(now))
    }
}

fn days(fields: &mut Fields<'_, '_, '_>, why: &mut Option<String>) -> Days {
    let words: Vec<String> = fields.take("days").unwrap_or_default();
    Days::read(&words).unwrap_or_else(|wrong| {
        *why = Some(format!("has days where {wrong}"));
        Days::default()
    })
}

fn group(name: &str) -> Option<String> {
    name.parse::<GroupName>().err().map(|error| format!("names a group {name:?}: {error}"))
}

fn cull_rule(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<CullRule> {
    let before = complaints.len();
    let mut fields = Fields::of(value, &["groups", "days", "idle_minutes", "max_age_hours"], complaints)?;
    let mut why = None;
    let rule = CullRule {
        groups: fields.take("groups").unwrap_or_default(),
        days: days(&mut fields, &mut why),
        idle_minutes: fields.take("idle_minutes").unwrap_or_default(),
        max_age_hours: fields.take("max_age_hours").unwrap_or_default(),
    };
    let why = why.or_else(|| rule.groups.iter().find_map(|name| group(name)));
    let why = why.or_else(|| {
        rules::cull_idle(&rule.idle_minutes).err().map(|why| format!("has idle_minutes that {why}"))
    });
    complaints.extend(why.map(|why| (value.span(), why)));
    (complaints.len() == before).then_some(rule)
}

fn prestart(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Prestart> {
    let before = complaints.len();
    let mut fields = Fields::of(value, &["group", "days", "at", "minutes"], complaints)?;
    let (name, at): (Option<String>, Option<String>) = (fields.need("group"), fields.need("at"));
    let mut why = None;
    let days = days(&mut fields, &mut why);
    let minutes = fields.take("minutes").unwrap_or(10);
    let (name, at) = (name?, at?);
    let time = at.parse::<TimeOfDay>();
    let why = why
        .or_else(|| group(&name))
        .or_else(|| time.err().map(|wrong| format!("has an `at` that {wrong}")))
        .or_else(|| {
            (!(1..=MINUTES_MAX).contains(&minutes))
                .then(|| format!("has minutes that must be 1 to {MINUTES_MAX}"))
        });
    complaints.extend(why.map(|why| (value.span(), why)));
    (complaints.len() == before).then_some(Prestart {
        group: name,
        days,
        at: time.unwrap_or_default(),
        minutes,
    })
}

fn all<T>(
    value: &Spanned<DeValue<'_>>,
    (name, one): (&str, impl Fn(&Spanned<DeValue<'_>>, &mut Vec<Complaint>) -> Option<T>),
    complaints: &mut Vec<Complaint>,
) -> Option<Vec<T>> {
    let Some(array) = value.get_ref().as_array() else {
        wrong(value, &format!("a list of tables, each under [[{name}]]"), complaints);
        return None;
    };
    Some(array.iter().filter_map(|value| one(value, complaints)).collect())
}

impl Value for CullRules {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        all(value, ("cull_rules", cull_rule), complaints).map(Self)
    }

    fn to_toml(&self) -> String {
        let one = |rule: &CullRule| {
            format!(
                "{{ groups = {}, days = {}, idle_minutes = {}, max_age_hours = {} }}",
                rule.groups.to_toml(),
                rule.days.names().to_toml(),
                rule.idle_minutes,
                rule.max_age_hours
            )
        };
        format!("[{}]", self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

impl Value for Prestarts {
    fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
        all(value, ("prestarts", prestart), complaints).map(Self)
    }

    fn to_toml(&self) -> String {
        let one = |class: &Prestart| {
            format!(
                "{{ group = {}, days = {}, at = \"{}\", minutes = {} }}",
                class.group.to_toml(),
                class.days.names().to_toml(),
                class.at,
                class.minutes
            )
        };
        format!("[{}]", self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn read(text: &str) -> Result<Config, String> {
        super::super::read::parse(std::path::Path::new("hub.toml"), text).map_err(|errors| errors.to_string())
    }

    #[test]
    fn rules_and_classes_are_read_and_written_as_they_stand() {
        let text = "[[cull_rules]]\ngroups = [\"students\"]\ndays = [\"sat\", \"sun\"]\nidle_minutes = 30\n\
                    [[cull_rules]]\nmax_age_hours = 12\n[[prestarts]]\ngroup = \"physics\"\ndays = [\"mon\"]\nat = \"08:55\"\n";
        let config = read(text).unwrap();
        assert_eq!((config.cull_rules.0.len(), config.cull_rules.0[0].idle_minutes), (2, 30));
        assert_eq!(
            (config.prestarts.0[0].at.to_string().as_str(), config.prestarts.0[0].minutes),
            ("08:55", 10)
        );
        assert_eq!(read(&config.to_toml()).unwrap(), config);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (text, part) in [
            ("[[cull_rules]]\ndays = [\"someday\"]", "someday"),
            ("[[cull_rules]]\ngroups = [\"a/b\"]", "a/b"),
            ("[[cull_rules]]\nidle = 5", "idle"),
            ("[[prestarts]]\ngroup = \"x\"", "without at"),
            ("[[prestarts]]\nat = \"08:55\"", "without group"),
            ("[[prestarts]]\ngroup = \"x\"\nat = \"8 o'clock\"", "08:55"),
            ("[[prestarts]]\ngroup = \"x\"\nat = \"08:55\"\nminutes = 0", "1 to 240"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(part) && why.contains("hub.toml"), "{text}: {why}");
        }
    }
}
