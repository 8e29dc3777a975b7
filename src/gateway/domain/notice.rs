//! Announcements: what administrators tell people, to whom, and from when to when.

use std::collections::BTreeSet;

use crate::domain::entity::GroupName;

/// Longest text, characters.
pub const TEXT_MAX: usize = 1000;
/// Most groups that one announcement can be for.
pub const GROUPS_MAX: usize = 100;

/// How much it matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    #[default]
    Info,
    /// Better not missed.
    Warning,
}

impl Level {
    /// The words of the levels, in the order of their weight.
    pub const WORDS: &[&str] = &["info", "warning"];

    /// The level of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "info" => Some(Self::Info),
            "warning" => Some(Self::Warning),
            _ => None,
        }
    }

    /// Its word in the database and in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// What is announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announcement {
    /// 1 to [`TEXT_MAX`] characters; lines are kept, nothing in it is markup.
    pub text: String,
    /// How much it matters.
    pub level: Level,
    /// Groups whose members it is for; none: everybody, those who are not logged in among them.
    pub groups: BTreeSet<GroupName>,
    /// Seconds since 1970; `None`: at once.
    pub starts_s: Option<i64>,
    /// Seconds since 1970; `None`: until somebody ends it.
    pub ends_s: Option<i64>,
}

/// An announcement as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Never used twice.
    pub id: i64,
    /// What is announced.
    pub said: Announcement,
    /// Who wrote it.
    pub author: String,
}

/// Where an announcement is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It begins later.
    Coming,
    /// People see it.
    Shown,
    /// It has ended.
    Over,
}

/// Why a text or its times cannot be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    /// No text, or too much of it, or control characters in it.
    #[error("the text must have 1 to {TEXT_MAX} characters; of control characters only ends of lines")]
    Text,
    /// Too many groups.
    #[error("an announcement is for at most {GROUPS_MAX} groups")]
    Groups,
    /// It would end before it begins.
    #[error("the end must be later than the start")]
    Times,
}

impl Announcement {
    /// The announcement with its text trimmed and its line ends made one kind, if it can be one.
    ///
    /// # Errors
    /// See [`AnnouncementError`].
    pub fn checked(mut self) -> Result<Self, AnnouncementError> {
        self.text = self.text.replace("\r\n", "\n").trim().to_owned();
        let printable = |c: char| c == '\n' || !c.is_control();
        if self.text.is_empty() || self.text.chars().count() > TEXT_MAX || !self.text.chars().all(printable) {
            return Err(AnnouncementError::Text);
        }
        if self.groups.len() > GROUPS_MAX {
            return Err(AnnouncementError::Groups);
        }
        match (self.starts_s, self.ends_s) {
            (Some(starts_s), Some(ends_s)) if ends_s <= starts_s => Err(AnnouncementError::Times),
            _ => Ok(self),
        }
    }

    /// Where it is in its life at that time.
    #[must_use]
    pub fn stage(&self, now_s: i64) -> Stage {
        if self.ends_s.is_some_and(|ends_s| ends_s <= now_s) {
            Stage::Over
        } else if self.starts_s.is_some_and(|starts_s| now_s < starts_s) {
            Stage::Coming
        } else {
            Stage::Shown
        }
    }

    /// Whether it is for somebody who is in these groups; nobody in particular is in none.
    #[must_use]
    pub fn is_for(&self, groups: &BTreeSet<GroupName>) -> bool {
        self.groups.is_empty() || !self.groups.is_disjoint(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> BTreeSet<GroupName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn said(text: &str) -> Announcement {
        Announcement { text: text.to_owned(), ..Announcement::default() }
    }

    #[test]
    fn an_announcement_is_shown_from_its_start_until_its_end() {
        let at = |starts_s, ends_s| Announcement { starts_s, ends_s, ..said("x") };
        for (announcement, now_s, stage) in [
            (at(None, None), 0, Stage::Shown),
            (at(Some(5), None), 4, Stage::Coming),
            (at(Some(5), Some(9)), 5, Stage::Shown),
            (at(Some(5), Some(9)), 8, Stage::Shown),
            (at(Some(5), Some(9)), 9, Stage::Over),
            (at(None, Some(9)), 10, Stage::Over),
        ] {
            assert_eq!(announcement.stage(now_s), stage, "{announcement:?} at {now_s}");
        }
    }

    #[test]
    fn an_announcement_for_groups_is_for_their_members_alone() {
        let physics = Announcement { groups: groups(&["physics", "maths"]), ..said("x") };
        assert!(physics.is_for(&groups(&["maths", "art"])));
        assert!(!physics.is_for(&groups(&["art"])) && !physics.is_for(&groups(&[])));
        assert!(said("x").is_for(&groups(&[])));
    }

    #[test]
    fn what_cannot_be_announced_is_refused() {
        assert_eq!(said(" two\r\nlines ").checked().unwrap().text, "two\nlines");
        for text in ["", "  \n", "bell\u{7}", &"x".repeat(1001)] {
            assert_eq!(said(text).checked(), Err(AnnouncementError::Text), "{text:?}");
        }
        assert!(said(&"文".repeat(1000)).checked().is_ok());
        let backwards = Announcement { starts_s: Some(5), ends_s: Some(5), ..said("x") };
        assert_eq!(backwards.checked(), Err(AnnouncementError::Times));
        let crowd: Vec<String> = (0..101).map(|n| format!("g{n}")).collect();
        let names: Vec<&str> = crowd.iter().map(String::as_str).collect();
        let many = Announcement { groups: groups(&names), ..said("x") };
        assert_eq!(many.checked(), Err(AnnouncementError::Groups));
    }
}
