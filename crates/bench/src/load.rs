//! The load generator: raw HTTP/1.1 over kept connections, in a single thread.
//!
//! It shares the cores with what it measures, so a request costs it little more than its two
//! system calls: bytes are prepared once and changed in place, answers are not parsed beyond their
//! status and length.

pub(crate) mod connection;
mod drive;
mod email;
mod mailing;
mod tally;
mod token;

pub(crate) use connection::get;
pub(crate) use drive::{Pace, Until, drive};
pub(crate) use email::{Target, values};
pub(crate) use mailing::{Mailing, Posted};
pub(crate) use tally::Tally;
