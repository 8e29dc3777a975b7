//! Words for what is wrong with a list.

use hubgate_protocol::NameError;

use crate::domain::newcomer::NewcomerError;
use crate::domain::strength::Weakness;
use crate::words::Message;

/// What is wrong in a column.
pub(super) fn of_column(column: &'static str, what: Message) -> Message {
    Message::new("list-in-column").with("column", column).put("what", what)
}

/// All of them, one behind the other; `None` of none.
pub(super) fn all(messages: Vec<Message>) -> Option<Message> {
    messages.into_iter().reduce(|first, next| Message::new("list-and").put("first", first).put("next", next))
}

/// Why a text is no name.
pub(super) fn no_name(error: NameError) -> Message {
    Message::new(match error {
        NameError::Empty => "name-empty",
        NameError::TooLong => "name-long",
        NameError::BadStart => "name-start",
        NameError::BadCharacter => "name-character",
        NameError::Reserved => "name-of-path",
    })
}

/// Why nobody new gets a name.
pub fn not_given(error: NewcomerError) -> Message {
    match error {
        NewcomerError::Form(error) => no_name(error),
        NewcomerError::Reserved => Message::new("name-of-system"),
        NewcomerError::Administrator => Message::new("name-of-admins"),
    }
}

/// Why nobody could type a password.
pub(super) fn no_password(weakness: &Weakness) -> Message {
    Message::new(match weakness {
        Weakness::Long => "list-password-long",
        Weakness::Empty | Weakness::Control | Weakness::Short(_) | Weakness::Guessable(_) => {
            "list-password-control"
        }
    })
}
