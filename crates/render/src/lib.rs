//! Renders templates with personalisation into the text that is sent.
//!
//! This crate turns values into text and knows nothing else: no store, no provider, no recipient.
//! Markers are found by [`carillon_core::template`]; here they are replaced. A value is inserted
//! as it is and never looked into, so `((x))` inside a value stays `((x))`.
//!
//! To add a channel, write a module that calls `fill` with the way the channel writes lists.

mod email;
mod fill;
mod sms;

pub use email::{EmailText, email};
pub use sms::sms;
