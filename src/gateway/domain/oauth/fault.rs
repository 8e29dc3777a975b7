//! What the provider tells a client that asked wrongly: the error codes of RFC 6749 with JupyterHub's descriptions.

/// An error that the client learns, by redirect or as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A parameter is missing, twice or impossible.
    InvalidRequest(String),
    /// The client is unknown or its secret is wrong.
    InvalidClient,
    /// The code is unknown, used, expired or another client's, or the verifier does not fit; with more where it helps.
    InvalidGrant(&'static str),
    /// A scope does not exist or is more than this client may ask for.
    InvalidScope,
    /// Another grant type than `authorization_code`.
    UnsupportedGrantType,
    /// Another response type than `code`.
    UnsupportedResponseType,
}

impl Fault {
    /// A request with this fault.
    #[must_use]
    pub fn request(description: &str) -> Self {
        Self::InvalidRequest(description.to_owned())
    }

    /// The value of `error`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }

    /// The value of `error_description`; empty where JupyterHub sends none.
    #[must_use]
    pub fn description(&self) -> &str {
        match self {
            Self::InvalidRequest(description) => description,
            Self::InvalidGrant(description) => description,
            _ => "",
        }
    }

    /// The status of the token endpoint's answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        if *self == Self::InvalidClient { 401 } else { 400 }
    }
}
