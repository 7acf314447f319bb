//! Renders templates with personalisation into the text that is sent.
//!
//! This crate turns values into text and knows nothing else: no store, no provider, no recipient.
//! Markers are found by [`carillon_core::template`]; here they are replaced. A value is inserted
//! as it is and never looked into, so `((x))` inside a value stays `((x))`.
//!
//! An e-mail's body is Markdown. It is parsed with stand-ins for its values (`stand_in`), becomes
//! one sequence of parts (`markdown`, `document`), and that is written twice (`html`, `plain`):
//! both say the same, and no value can become markup.
//!
//! To add a channel, write a module that calls `fill` with the way the channel writes lists.

mod clean;
mod document;
mod email;
mod fill;
mod html;
mod markdown;
mod message;
mod plain;
mod preheader;
mod sms;
mod stand_in;

pub use email::{EmailText, email};
pub use message::{EmailMessage, Language, Layout, email_message};
pub use sms::sms;
