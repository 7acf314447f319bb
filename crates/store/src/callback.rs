//! Callbacks: what services are told, and how far that is.
//!
//! A change that a service registered for is written as an event by the statement that changes the
//! notification. In the order of an event's life: [`relay()`], [`claim()`], [`mark()`]; when it
//! waits again: [`hold()`]; when it fell out: [`rescue_lost()`], [`rescue_fallen()`]; and when nobody
//! wants to hear it any more: [`drop_unwanted()`].

pub mod management;

mod backlog;
mod claim;
mod hold;
mod mark;
mod relay;
mod rescue;

pub use backlog::{Backlog, backlog};
pub use claim::{ClaimedCall, Credentials, claim};
pub use hold::hold;
pub use mark::{CallResult, mark};
pub use relay::{Relayed, relay};
pub use rescue::{drop_unwanted, rescue_fallen, rescue_lost};
