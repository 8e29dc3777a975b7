//! The rule by which people come in, asked for when a hub is set up: without one only administrators do.

use clap::Args;
use hubgate_protocol::{NameError, Username};

use super::{Failure, failure, prompt};
use crate::config::{Authenticator, Config};

const QUESTION: &str = "Who may log in beside administrators: \"all\" with an account on this host, \"group NAME\", \"user \
                        NAME\", or nothing";

#[derive(Debug, Default, Args)]
pub(super) struct Allow {
    /// Let everybody in who proves who they are (allow_all).
    #[arg(long)]
    allow_all: bool,
    /// Let the members of a group of the host in; may be given many times (allowed_groups).
    #[arg(long = "allow-group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Let a user in; may be given many times (allowed_users).
    #[arg(long = "allow-user", value_name = "NAME")]
    users: Vec<String>,
}

impl Allow {
    /// Whether the command line names a rule.
    pub(super) fn is_given(&self) -> bool {
        self.allow_all || !self.groups.is_empty() || !self.users.is_empty()
    }

    /// Writes the rule into a new configuration; asks for it at a terminal.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), Failure> {
        let answered = if self.is_given() || config.authenticator != Authenticator::Pam {
            None
        } else {
            prompt::line(QUESTION)?.map(|answer| Self::read(&answer)).transpose()?
        };
        let rule = answered.as_ref().unwrap_or(self);
        let user =
            |name: &String| name.parse().map_err(|error: NameError| Failure(format!("{name:?}: {error}")));
        config.allow_all = rule.allow_all;
        config.allowed_groups.clone_from(&rule.groups);
        config.allowed_users = rule.users.iter().map(user).collect::<Result<Vec<Username>, Failure>>()?;
        Ok(())
    }

    fn read(answer: &str) -> Result<Self, Failure> {
        let one = |name: &str| vec![name.trim().to_owned()];
        match answer.trim().split_once(' ').unwrap_or((answer.trim(), "")) {
            ("", _) => Ok(Self::default()),
            ("all", "") => Ok(Self { allow_all: true, ..Self::default() }),
            ("group", name) if !name.is_empty() => Ok(Self { groups: one(name), ..Self::default() }),
            ("user", name) if !name.is_empty() => Ok(Self { users: one(name), ..Self::default() }),
            _ => failure("say all, group NAME, user NAME or nothing; nothing was made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_rule_or_none() {
        let config = |answer: &str| {
            let mut config = Config::default();
            let rule = Allow::read(answer).unwrap();
            config.authenticator = Authenticator::File;
            rule.apply(&mut config).unwrap();
            (config.allow_all, config.allowed_groups, config.allowed_users.len())
        };
        assert_eq!(config("all"), (true, vec![], 0));
        assert_eq!(config(" group physics "), (false, vec!["physics".to_owned()], 0));
        assert_eq!(config("user ada"), (false, vec![], 1));
        assert_eq!(config(""), (false, vec![], 0));
        assert!(Allow::read("everybody").is_err() && Allow::read("group").is_err());
    }
}
