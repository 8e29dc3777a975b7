//! Why nobody came in by a provider.

/// Why not. Texts inside are for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no provider of that name.
    #[error("unknown provider")]
    Unknown,
    /// The login did not begin in this browser, or too long ago.
    #[error("not begun here or too long ago")]
    Stale,
    /// Too many logins by providers are under way.
    #[error("too many at once")]
    Busy,
    /// The provider sent the person back without proof, with an error of its own.
    #[error("provider says {0}")]
    Refused(String),
    /// No answer.
    #[error("provider cannot be reached: {0}")]
    Unreachable(String),
    /// An answer that is not what the standard says.
    #[error("provider answers nonsense: {0}")]
    Nonsense(String),
    /// What speaks is not who is configured.
    #[error("wrong issuer: {0}")]
    WrongIssuer(String),
    /// The provider does not know us, or our secret.
    #[error("provider refuses this hub: {0}")]
    Client(String),
    /// The code was used before, or is too old.
    #[error("code refused")]
    Code,
    /// Nothing that the provider's keys have signed.
    #[error("bad signature: {0}")]
    Signature(String),
    /// The token is not of now.
    #[error("token not valid at this time: {0}")]
    Time(String),
    /// The token is for another login.
    #[error("nonce mismatch")]
    Nonce,
    /// The token is for somebody else than this hub.
    #[error("token for another audience: {0}")]
    Audience(String),
    /// The second answer is about another person than the first.
    #[error("userinfo is about another subject")]
    OtherSubject,
    /// The provider let the person through without asking anew.
    #[error("not proven anew")]
    NotAnew,
    /// The claim with the name is missing.
    #[error("claim {0} is missing or no text")]
    NoName(String),
    /// The address is unverified.
    #[error("email is not verified")]
    Unverified,
    /// The name is none that is used here.
    #[error("name does not fit username_pattern")]
    BadName,
    /// The name belongs to somebody who is not known to be this person.
    #[error("name belongs to another user: {0}")]
    Taken(String),
    /// The database.
    #[error("database: {0}")]
    Store(String),
}
