//! What can go wrong, named by what the caller can do about it.

use carillon_core::channel::Channel;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// The result of a store function.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a statement did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL cannot be reached or does not answer in time: keep what you have and try again.
    #[error("PostgreSQL is unavailable: {0}")]
    Unavailable(String),
    /// Something with this name or id is already there.
    #[error("already exists ({constraint})")]
    Conflict {
        /// The constraint that says so.
        constraint: String,
    },
    /// What was named does not exist.
    #[error("does not exist")]
    Gone,
    /// What was to be changed has changed since it was read.
    #[error("changed meanwhile; read it again")]
    Changed,
    /// Without it nobody would deliver the channel any more.
    #[error("is the last active provider of {0}, whose messages would wait")]
    LastOfChannel(Channel),
    /// The day's partition does not exist: ensure it and try again.
    #[error("no partition for the id")]
    NoPartition,
    /// PostgreSQL refuses the values; the same values will be refused again. The text names no
    /// values.
    #[error("refused by PostgreSQL: {0}")]
    Refused(String),
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] crate::seal::SealError),
}

impl Error {
    /// Whether trying again later with the same values can help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether somebody else held for too long what the statement would have changed.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Unavailable(text) if text.contains("due to lock timeout"))
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::Gone,
            DieselError::DatabaseError(kind, info) => match kind {
                DatabaseErrorKind::UniqueViolation => Self::Conflict {
                    constraint: info.constraint_name().unwrap_or("unique").to_owned(),
                },
                DatabaseErrorKind::ForeignKeyViolation => Self::Gone,
                DatabaseErrorKind::CheckViolation
                    // A check of ours has a name; a missing partition has none.
                    if info.constraint_name().is_none() =>
                {
                    Self::NoPartition
                }
                DatabaseErrorKind::CheckViolation | DatabaseErrorKind::NotNullViolation => {
                    Self::Refused(info.message().to_owned())
                }
                // Without an SQLSTATE there was no answer from PostgreSQL; with one that diesel
                // does not know, only the text tells a refused value from a server in trouble.
                DatabaseErrorKind::Unknown if says_refused(info.message()) => {
                    Self::Refused(info.message().to_owned())
                }
                _ => Self::Unavailable(info.message().to_owned()),
            },
            DieselError::SerializationError(cause) | DieselError::DeserializationError(cause) => {
                Self::Refused(cause.to_string())
            }
            DieselError::QueryBuilderError(cause) => Self::Refused(cause.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// PostgreSQL's words for values it will never take (mostly SQLSTATE class 22), which diesel does not
/// tell apart from trouble such as a shutdown.
fn says_refused(message: &str) -> bool {
    const WORDS: [&str; 6] = [
        "unsupported Unicode escape sequence",
        "invalid byte sequence",
        "invalid input syntax",
        "value too long",
        "out of range",
        // A value that is longer than an index entry may be.
        "index row size",
    ];
    WORDS.iter().any(|words| message.contains(words))
}

impl From<diesel_async::pooled_connection::deadpool::PoolError> for Error {
    fn from(error: diesel_async::pooled_connection::deadpool::PoolError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
