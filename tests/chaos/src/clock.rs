//! The host's clock, by which all ledgers of a run are compared.

/// Seconds of the epoch.
#[must_use]
pub fn now() -> f64 {
    carillon_core::clock::now().timestamp_micros() as f64 / 1e6
}
