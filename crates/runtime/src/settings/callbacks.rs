//! Calls to services.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// `[callbacks]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Callbacks {
    /// Whether URLs may be http and lead to private and loopback addresses.
    pub allow_private_targets: bool,
    /// A call is given up after this time; more than five seconds below `delivery.lease_s`.
    #[serde(rename = "timeout_ms", with = "duration::millis")]
    pub timeout: Duration,
    /// Calls that one worker makes at the same time.
    pub in_flight: usize,
    /// Of them, those to one endpoint.
    pub in_flight_per_endpoint: usize,
    /// Multiplies every wait between attempts: above 0, at most 1.
    pub retry_scale: f64,
}
