//! Why a URL is not called.

/// The rule that a URL, or an address its host has, breaks. Its text holds nothing of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.why())]
pub enum Refusal {
    /// It is longer than [`MAX_URL_BYTES`](super::MAX_URL_BYTES).
    TooLong,
    /// It is no URL, or one that is read in more than one way.
    Malformed,
    /// It is not `https`.
    Scheme,
    /// It has a user or password in it.
    Credentials,
    /// It has a fragment, which no server is ever told.
    Fragment,
    /// Its port is not one of HTTPS.
    Port,
    /// Its host is a name of an inside network.
    InsideName,
    /// Its host is an address of this kind, in whatever spelling.
    Address(&'static str),
    /// Its host is a name which has, at this moment, an address of this kind.
    Resolved(&'static str),
}

impl Refusal {
    /// The rule, in words.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::TooLong => "the URL is longer than 2000 bytes",
            Self::Malformed => "it is not a whole URL, or holds spaces or backslashes",
            Self::Scheme => "the URL must begin with https://",
            Self::Credentials => "the URL must not hold a user or password",
            Self::Fragment => "the URL must not hold a # and what follows it",
            Self::Port => "the port must be 443, or 1024 and above",
            Self::InsideName => "the host is a name of an inside network",
            Self::Address(kind) | Self::Resolved(kind) => kind,
        }
    }
}
