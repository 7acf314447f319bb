//! Providers' reports.

mod sandbox;

pub(crate) use sandbox::sandbox;
