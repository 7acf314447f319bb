//! Publishing to and consuming from RabbitMQ.
//!
//! This crate knows the broker and nothing of PostgreSQL, providers or HTTP. What it promises:
//!
//! * [`Publisher::publish`] returns only after every message of the batch is confirmed and routed.
//!   An unroutable message is an error, although the broker acknowledges it.
//! * A [`Delivery`] is acknowledged only by [`Delivery::settle`]; one that is dropped comes back.
//!   Acknowledgements are coalesced: one for the whole settled prefix.
//! * Connections, channels and consumers are dropped and rebuilt as a whole after any failure,
//!   forever, until shutdown. Queues that were deleted meanwhile are declared again.
//!
//! To add a queue: a variant of [`carillon_core::queue::Queue`]; [`topology`] covers it.

mod connect;
mod consumer;
mod declare;
mod delivery;
pub mod depth;
mod error;
pub mod inspect;
mod ledger;
mod outgoing;
mod publisher;
pub mod topology;

pub use connect::Options;
pub use consumer::{Consumers, Subscription};
pub use declare::declare;
pub use delivery::Delivery;
pub use error::Error;
pub use outgoing::Outgoing;
pub use publisher::Publisher;
