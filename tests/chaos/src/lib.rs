//! Fault runs: real processes and servers under load, a seed that says what goes wrong and when,
//! ledgers outside of them, and a judge that knows the promises and none of the code.
//!
//! [`plan`] and [`work`] are pure functions of the seed; [`fleet`], [`faults`] and [`client`] carry
//! them out; what was seen is a [`history::History`], which [`checker`] judges. How to run, read
//! and reproduce: `docs/chaos.md`.

pub mod checker;
pub mod client;
pub mod clock;
pub mod faults;
pub mod fleet;
pub mod history;
pub mod ledgers;
pub mod plan;
pub mod points;
pub mod queues;
pub mod reader;
pub mod report;
mod run;
pub mod tenants;
pub mod work;

pub use plan::Scope;
pub use report::Report;
pub use run::{Options, run};
