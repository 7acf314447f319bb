//! What can go wrong, named by what the caller can do about it.

/// Why messages were not published, or the broker cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no connection, or it broke before the confirm: publish again later. Some of the
    /// batch may have arrived.
    #[error("RabbitMQ is unavailable: {0}")]
    Unavailable(String),
    /// The queue does not exist; it is being declared again. Publish again.
    #[error("queue {0} does not exist")]
    Unroutable(String),
    /// The broker refused to take a message, such as into a full queue.
    #[error("RabbitMQ refused a message for {0}")]
    Refused(String),
    /// The URL cannot be read.
    #[error("the RabbitMQ URL cannot be read: {0}")]
    BadUrl(String),
}

impl From<lapin::Error> for Error {
    fn from(error: lapin::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
