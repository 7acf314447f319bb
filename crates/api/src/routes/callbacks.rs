//! Providers' reports.

mod amazon;
mod sandbox;

pub(crate) use amazon::{ses, sns};
pub(crate) use sandbox::sandbox;
