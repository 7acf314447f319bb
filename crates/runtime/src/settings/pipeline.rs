//! How messages move: saving, delivering, trying again, relaying.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// `[email]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The domain of the addresses that services send from.
    pub domain: String,
}

/// `[delivery]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Calls to providers that one worker makes at the same time.
    pub slots: usize,
    /// How long a claim holds; more than five seconds above the provider's time-out.
    #[serde(rename = "lease_s", with = "duration::seconds")]
    pub lease: Duration,
    /// A call to a provider is given up after this time.
    #[serde(rename = "provider_timeout_ms", with = "duration::millis")]
    pub provider_timeout: Duration,
    /// A message that a worker has held unstarted for longer goes back to waiting.
    #[serde(rename = "unstarted_limit_s", with = "duration::seconds")]
    pub unstarted_limit: Duration,
    /// Calls to a provider that must fail in a row for a worker to leave it alone for a while.
    pub breaker_failures: u32,
}

/// `[sending]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// A message that is still open after this time is ended.
    #[serde(rename = "give_up_after_h", with = "duration::hours")]
    pub give_up_after: Duration,
}

/// `[retry]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Multiplies every wait between attempts: above 0, at most 1.
    pub scale: f64,
    /// A message is given up after this many attempts.
    pub max_attempts: u32,
}

/// `[poller]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Poller {
    /// How often what is due is relayed to its queue.
    #[serde(rename = "relay_interval_ms", with = "duration::millis")]
    pub relay_interval: Duration,
    /// How often a marker is put into each lane.
    #[serde(rename = "marker_interval_ms", with = "duration::millis")]
    pub marker_interval: Duration,
    /// How often messages that fell out of the flow are looked for.
    #[serde(rename = "rescue_interval_ms", with = "duration::millis")]
    pub rescue_interval: Duration,
}

/// `[save]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Save {
    /// A batch is saved when it has this many rows.
    pub batch_rows: usize,
    /// Or when its first row has waited this long.
    #[serde(rename = "batch_wait_ms", with = "duration::millis")]
    pub batch_wait: Duration,
}
