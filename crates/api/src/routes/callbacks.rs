//! Providers' reports.

mod amazon;
mod sandbox;

pub(crate) use amazon::{ses, sns};
pub(crate) use sandbox::sandbox;

/// The largest body. What is published to SNS may have 256 KiB, and gets longer as a text in JSON: an
/// event, which is JSON itself, by a backslash before each quote.
pub(crate) const LIMIT: usize = 1 << 20;
