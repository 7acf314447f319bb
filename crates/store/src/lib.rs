//! All SQL of Carillon: one module per aggregate, one function per thing that happens to it.
//!
//! This crate knows PostgreSQL and nothing of queues, providers or HTTP. Hot statements live in
//! `.sql` files beside their module and run through `statement!`, prepared once per
//! connection. Every statement that is not a plain read is idempotent and commits by itself: the
//! change of the row and its timeline entry are one statement, so there is nothing between them to
//! crash in.
//!
//! To add an aggregate: a migration, a table in `carillon-schema`, a module here, its functions
//! taking [`Store`] first and the tenant's id second.

mod error;
mod lock;
mod pool;
#[macro_use]
mod statement;

pub mod api_key;
pub mod backlog;
pub mod callback;
pub mod diagnosis;
pub mod health;
pub mod idempotency;
pub mod job;
pub mod ledger;
pub mod limits;
pub mod migrate;
pub mod notification;
pub mod parked_receipt;
pub mod partition;
pub mod provider;
pub mod provider_budget;
pub mod provider_reference;
pub mod quarantine;
pub mod schedule;
pub mod seal;
pub mod service;
pub mod suppression;
pub mod template;
pub mod wake;
pub mod watermark;

pub use error::{Error, Result};
pub use pool::{Options, Store};
