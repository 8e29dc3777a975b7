//! Who asks, in what way, with which rights: read from the request once, as arguments of the handlers.

pub mod caller;
pub mod posted;
pub mod proof;
pub mod telling;
pub mod traits;
pub mod visitor;

pub use caller::{Asker, Caller, Principal, principal};
pub use posted::{Filled, Posted, PostedList, actor};
pub use proof::Proof;
pub use telling::telling;
pub use traits::{Peer, header_text, hub_traits, names, origin_of, question_traits, site_of};
pub use visitor::{Page, ServerPath, SignedIn, Visitor, session_of};
