//! Who asks, in what way, with which rights: read from the request once, as arguments of the handlers.

pub mod caller;
pub mod posted;
pub mod traits;
pub mod visitor;

pub use caller::{Asker, Caller, Principal, principal};
pub use posted::Posted;
pub use traits::{Peer, header_text, hub_traits, names, question_traits};
pub use visitor::{Page, ServerPath, SignedIn, Visitor, session_of};
