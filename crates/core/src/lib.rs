//! Decisions of Carillon: pure functions over plain data.
//!
//! This crate knows no runtime, no connection, no HTTP. The wall clock is read in [`clock`] alone;
//! everything else is given `now` as a value. The modules are listed in the order in which a
//! message meets them.
//!
//! To add a state or an event, extend [`notification::Status::on`]; SQL guards follow because they
//! are built from [`notification::Status::sources`].

pub mod clock;
#[macro_use]
mod macros;
pub mod id;

pub mod channel;
pub mod lane;
pub mod reason;

pub mod personalisation;
pub mod recipient;
pub mod sms;
pub mod template;

pub mod api_key;
pub mod idempotency;
pub mod limits;
pub mod notification;
pub mod service;
pub mod trace;

pub mod bulk;
pub mod job;
pub mod job_file;

pub mod allowance;
pub mod ambiguity;
pub mod attempt;
pub mod fair_share;
pub mod pace;
pub mod provider;
pub mod receipt;
pub mod retry;
pub mod sender_domain;
pub mod suppression;
pub mod timeline;
pub mod turn_order;
pub mod unsubscribe;

pub mod breaker;
pub mod ledger;
pub mod queue;
pub mod rescue;
pub mod schedule;
pub mod task;
pub mod webhook;
