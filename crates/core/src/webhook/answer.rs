//! What came of one call to a service.

use std::time::Duration;

/// The answer to a call, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The receiver answered.
    Status {
        /// The HTTP status code.
        code: u16,
        /// How long it asked to wait, as it said: nothing bounds it.
        retry_after: Option<Duration>,
    },
    /// There is no answer.
    Failed {
        /// Why.
        why: CallFailure,
    },
}

/// Why a call was not answered. Its text holds neither the URL nor anything the receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CallFailure {
    /// We did not call: the URL, or an address its host has now, is not one we go to. Somebody may
    /// yet put the name right.
    #[error("not called: {0}")]
    Refused(&'static str),
    /// There was no connection: the name is unknown, nobody listens, or it took too long. The
    /// receiver has been told nothing.
    #[error("no connection")]
    Unreachable,
    /// There was a connection, but no answer in time. The receiver may have taken the call.
    #[error("no answer in time")]
    TimedOut,
    /// The receiver's certificate is not accepted, or TLS failed otherwise. The receiver has been
    /// told nothing.
    #[error("TLS failed")]
    Tls,
    /// The connection was lost before the answer, or the answer is not HTTP. The receiver may have
    /// taken the call.
    #[error("connection lost before the answer")]
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened() {
        let refused = CallFailure::Refused("a loopback address");
        assert_eq!(refused.to_string(), "not called: a loopback address");
        assert_eq!(CallFailure::TimedOut.to_string(), "no answer in time");
    }
}
