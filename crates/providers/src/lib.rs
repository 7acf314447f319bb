//! Calls to e-mail and SMS providers, and to services' own URLs, with typed outcomes.
//!
//! A provider turns one [`OutgoingMessage`](outgoing::OutgoingMessage) into one
//! [`Outcome`](carillon_core::attempt::Outcome) and keeps nothing. It never tries again by itself:
//! whether and when to retry is the worker's decision, taken in PostgreSQL. Every call has its
//! deadline inside, so a caller may await it plainly.
//!
//! This crate knows neither the database nor the broker.
//!
//! To add a provider: implement [`Provider`](provider::Provider) in a module of its own, build its
//! client in [`http`], map every answer to an outcome in a table test, and hand it out wrapped in
//! [`Instrumented`](instrument::Instrumented).

pub mod outgoing;
pub mod provider;

mod aws;
pub mod connect;
pub mod dns;
pub mod egress;
pub mod http;
pub mod instrument;
pub mod mime;
pub mod sandbox;
pub mod select;
pub mod ses;
pub mod signature;
pub mod smtp;
pub mod sns;
pub mod sns_message;
pub mod webhook;
