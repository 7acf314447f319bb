//! Stand-in provider for development and tests, in a process of its own.
//!
//! It takes messages as a provider would, keeps them where people and tests can read them, and
//! reports what became of them, one receipt per POST. How it treats a message is scripted by the
//! recipient: [`script`] is the list.
//!
//! Its memory is an append-only [`log`]: a call is written there before it is answered, so that
//! whatever was answered is known after the process was killed, and receipts that the API has not
//! confirmed are sent again. This is what makes "lost" and "duplicated" countable from outside.
//!
//! It knows nothing of Carillon but the two wire formats: what `carillon-providers` sends, and
//! [`Receipt`](carillon_core::receipt::Receipt). It is not for production.
//!
//! Beside the scripts, [`faults`] happen to calls of everyone by chance; the log says which call met
//! which.
//!
//! A new scripted recipient is a variant of [`script::Script`]; the compiler names the other
//! places.

pub mod call;
pub mod script;

mod bucket;
pub mod control;
pub mod faults;

pub mod log;
pub mod memory;

mod answer;
pub mod receipts;
pub mod sandbox;

mod reading;
mod sending;
pub mod server;

pub mod command;

#[cfg(test)]
mod tests;
