//! The languages there are, and which of them a visitor reads.

use actix_web::http::header::{AcceptLanguage, Preference};

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Its tag (BCP 47), which is the name of its folder too.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Its own name for itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// What stands between two sentences.
    #[must_use]
    pub const fn gap(self) -> &'static str {
        match self {
            Self::English => " ",
            Self::Chinese => "",
        }
    }

    /// The language of that tag.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The first of the languages that a browser names which we speak. Every kind of Chinese gets ours.
    #[must_use]
    pub fn of_browser(accepted: &AcceptLanguage) -> Option<Self> {
        accepted.ranked().into_iter().find_map(|wanted| match wanted {
            Preference::Any => Some(Self::default()),
            Preference::Specific(tag) => {
                let primary =
                    |language: &Self| language.tag().split('-').next() == Some(tag.primary_language());
                Self::ALL.into_iter().find(primary)
            }
        })
    }
}
