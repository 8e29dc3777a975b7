//! What happened that somebody may be asked about later: who, what, to whom.

use std::fmt;
use std::net::IpAddr;

use hubgate_protocol::Username;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::time::iso;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person, from that address, in the session with that public id (empty for a token).
    User {
        /// Who.
        name: Username,
        /// From where.
        address: Option<IpAddr>,
        /// The public id of their session; empty where there is none.
        session: String,
    },
    /// A service of the site.
    Service(String),
    /// Root or an operator on the command line.
    Operator,
    /// The hub itself: culling, expiry, the end of an exam.
    Hub,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who did it.
    pub actor: Actor,
    /// What, by its name in the log.
    pub action: Action,
    /// To whom or what: a user, `user/server`, a group, a token's id.
    pub subject: String,
    /// What else is to be known. Never a secret.
    pub details: Map<String, Value>,
}

macro_rules! actions {
    ($($variant:ident $name:literal;)+) => {
        /// Kinds of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Action {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The kind of that name.
            #[must_use]
            pub fn of_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

actions! {
    Login "login";
    LoginRefused "login_refused";
    Logout "logout";
    SessionEnded "session_ended";
    PasswordChanged "password_changed";
    FactorChanged "factor_changed";
    ServerStart "server_start";
    ServerStop "server_stop";
    ServerCull "server_cull";
    ServerKept "server_kept";
    MemoryKill "memory_kill";
    Entry "entry";
    EntryEnded "entry_ended";
    Limits "limits";
    Exam "exam";
    UserAdded "user_added";
    UserChanged "user_changed";
    UserDeleted "user_deleted";
    GroupChanged "group_changed";
    TokenMade "token_made";
    TokenRevoked "token_revoked";
    LinkMade "link_made";
    ShareChanged "share_changed";
    ServiceChanged "service_changed";
    Announcement "announcement";
    Configuration "configuration";
}

impl Event {
    /// An event without further details.
    #[must_use]
    pub fn new(actor: Actor, action: Action, subject: impl ToString) -> Self {
        Self { actor, action, subject: subject.to_string(), details: Map::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The user who may know of it, beside whoever did it: the one it was done to.
    #[must_use]
    pub fn about(&self) -> Option<Username> {
        let of_group = self.details.contains_key("group");
        match self.action {
            Action::GroupChanged
            | Action::Exam
            | Action::Announcement
            | Action::ServiceChanged
            | Action::Configuration => None,
            Action::Limits if of_group => None,
            _ => self.subject.split('/').next()?.parse().ok(),
        }
    }

    /// The line that is kept and hashed: JSON, its keys sorted, without spaces.
    #[must_use]
    pub fn line(&self, id: i64, at_us: i64) -> String {
        let line = json!({
            "id": id,
            "time": iso(at_us),
            "actor": self.actor.to_string(),
            "address": self.actor.address().map(|address| address.to_string()).unwrap_or_default(),
            "session": self.actor.session(),
            "action": self.action.name(),
            "subject": self.subject,
            "about": self.about(),
            "details": self.details,
        });
        line.to_string()
    }
}

impl Actor {
    /// From where it was done.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::User { address, .. } => *address,
            Self::Service(_) | Self::Operator | Self::Hub => None,
        }
    }

    /// The public id of the session in which it was done; empty where there is none.
    #[must_use]
    pub fn session(&self) -> &str {
        match self {
            Self::User { session, .. } => session,
            Self::Service(_) | Self::Operator | Self::Hub => "",
        }
    }
}

/// As the log has it: `user:ada`, `service:culler`, `operator`, `hub`. No user's name has a colon.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { name, .. } => write!(f, "user:{name}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Operator => f.write_str("operator"),
            Self::Hub => f.write_str("hub"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Actor {
        let address = Some("192.0.2.1".parse().unwrap());
        Actor::User { name: "ada".parse().unwrap(), address, session: "5e".to_owned() }
    }

    #[test]
    fn a_line_is_json_with_sorted_keys() {
        let event = Event::new(ada(), Action::ServerStop, "bob/gpu").with("z", 1).with("a", "x\ny");
        let kept = concat!(
            r#"{"about":"bob","action":"server_stop","actor":"user:ada","address":"192.0.2.1","#,
            r#""details":{"a":"x\ny","z":1},"id":7,"session":"5e","subject":"bob/gpu","time":"1970-01-01T00:00:00Z"}"#
        );
        assert_eq!(event.line(7, 0), kept);
    }

    #[test]
    fn what_is_done_to_a_group_is_about_no_user_of_its_name() {
        let about = |action, subject: &str| Event::new(Actor::Hub, action, subject).about();
        assert_eq!(about(Action::GroupChanged, "ada"), None);
        assert_eq!(about(Action::UserChanged, "ada"), "ada".parse().ok());
        assert_eq!(about(Action::LoginRefused, ""), None);
        assert_eq!(Event::new(Actor::Hub, Action::Limits, "ada").with("group", true).about(), None);
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        assert!(Action::ALL.iter().all(|action| Action::of_name(action.name()) == Some(*action)));
        assert_eq!(Action::of_name("nonsense"), None);
    }
}
