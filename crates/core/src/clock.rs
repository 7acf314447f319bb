//! The wall clock: the only place where it is read.
//!
//! Ids and the checking of JWTs use the host's clock. Leases, due times and slots use the
//! database's `carillon_now()` and reach this crate as values.

use chrono::{DateTime, Utc};

/// The host's time.
#[must_use]
pub fn now() -> DateTime<Utc> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    Utc::now()
}
