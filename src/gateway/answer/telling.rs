//! To whom an answer is given: the language of the visitor, and the reference that page and log share.

use std::future::Future;
use std::sync::Arc;

use crate::config::Authenticator;
use crate::domain::notice::Notice;
use crate::domain::scope::Base;
use crate::state::{Hub, Session, health};
use crate::words::{Language, Message};

tokio::task_local! {
    static TELLING: Telling;
}

/// What an answer needs to know of its request, set around each request by [`crate::extract::telling`].
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// The visitor's language.
    pub language: Language,
    /// Names this request in the logs of nginx and of the gateway; empty where nginx gave none.
    pub reference: String,
    /// Path and query of the page, to come back to it; empty for what is not a page.
    pub page: String,
    /// What everybody is told now, the newest first.
    pub notices: Vec<Arc<Notice>>,
    /// Who looks at the page, where somebody who is logged in does.
    pub who: Option<Who>,
}

/// Whoever is logged in, as the header of a page shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Their name.
    pub user: String,
    /// The token of their session, for forms.
    pub xsrf: String,
    /// Whether they may open the administrators' pages.
    pub administers: bool,
    /// Whether passwords are kept here and changed here.
    pub passwords: bool,
    /// What is announced to them, the newest first.
    pub notices: Vec<Arc<Notice>>,
    /// What the hub itself has to tell an administrator.
    pub trouble: Option<Message>,
}

impl Who {
    /// Whoever has this session.
    #[must_use]
    pub fn of(hub: &Hub, session: &Session) -> Self {
        let administers = hub.directory().scopes_of_user(&session.user).holds(&Base::AdminUi);
        Self {
            user: session.user.to_string(),
            xsrf: hub.key.session_token(&session.hash).unwrap_or_default(),
            administers,
            trouble: administers.then(|| health::full(hub)).flatten(),
            passwords: hub.config.authenticator == Authenticator::File,
            notices: hub.notices_for(&session.user),
        }
    }
}

impl Telling {
    /// Does `work` for the one whom this describes.
    pub fn around<T: Future>(self, work: T) -> impl Future<Output = T::Output> {
        TELLING.scope(self, work)
    }

    /// The one whom the answer under way is for; nobody in particular outside of a request.
    #[must_use]
    pub fn now() -> Self {
        TELLING.try_with(Clone::clone).unwrap_or_default()
    }
}
