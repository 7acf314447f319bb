//! Calls to a service's URL: what is told, what follows from the answer, and when an endpoint is
//! left alone.

mod answer;
mod body;
mod breaker;
mod ladder;
mod pace;
mod verdict;

pub use answer::{Answer, CallFailure};
pub use body::Change;
pub use breaker::{Breaker, Heard, LONGEST_PAUSE, OPENS_AFTER, PAUSES};
pub use ladder::{Ladder, MAX_ATTEMPTS};
pub use pace::Pace;
pub use verdict::Verdict;

text_enum! {
    /// What a service asks to be told of; each kind has a URL of its own.
    pub enum CallbackKind {
        /// A message has come to its end, or a later report corrected it.
        DeliveryStatus = "delivery-status",
        /// A recipient complained.
        Complaint = "complaint",
    }
}

text_enum! {
    /// How the telling of a change ended.
    pub enum CallOutcome {
        /// The receiver took it.
        Delivered = "delivered",
        /// The receiver refuses it, and would again.
        Refused = "refused",
        /// The last attempt failed.
        Exhausted = "exhausted",
        /// The callback or its service was switched off or removed meanwhile, or the message is no
        /// longer kept.
        Disabled = "disabled",
    }
}

text_enum! {
    /// Why the telling of a change waits in PostgreSQL.
    pub enum CallWait {
        /// It was just written.
        New = "new",
        /// The last attempt failed, or was put off by the receiver.
        Retry = "retry",
        /// The endpoint is left alone for a while: it failed too often in a row, or asked for it.
        EndpointPaused = "endpoint-paused",
        /// A worker held it without starting it for too long.
        GivenBack = "given-back",
        /// The broker could not take it.
        BrokerAway = "broker-away",
        /// It was in no queue although it should have been.
        FellOut = "fell-out",
        /// The worker vanished during the call: the receiver may have it.
        LeaseExpired = "lease-expired",
    }
}
