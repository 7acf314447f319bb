//! What only the HTTP API reads.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use super::{duration, secret};

/// `[api]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where clients reach it, if that is elsewhere; see [`Api::public_url`].
    pub public_url: Option<String>,
    /// The bearer token with every scope of the management API; without it, nobody has one.
    #[serde(default, with = "secret::optional")]
    pub admin_token: Option<SecretString>,
    /// Threads that serve requests, 0 for one each core; see [`Api::worker_threads`].
    pub workers: usize,
    /// A send not confirmed by the broker within this time is saved in PostgreSQL instead.
    #[serde(rename = "confirm_timeout_ms", with = "duration::millis")]
    pub confirm_timeout: Duration,
    /// How long a cached service, key or template is used without asking again.
    #[serde(rename = "cache_fresh_ms", with = "duration::millis")]
    pub cache_fresh: Duration,
    /// How long it is used when PostgreSQL cannot be asked.
    #[serde(rename = "cache_stale_s", with = "duration::seconds")]
    pub cache_stale: Duration,
    /// The largest body of a single send, in bytes.
    pub body_limit_bytes: usize,
    /// How many reads of one service may wait for a row just accepted at the same time.
    pub waiting_reads_per_service: usize,
    /// How long it goes on after it was told to end.
    #[serde(rename = "linger_ms", with = "duration::millis")]
    pub linger: Duration,
}

impl Api {
    /// Where clients reach the API, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }

    /// How many threads serve requests: as set, or one for each core.
    #[must_use]
    pub fn worker_threads(&self) -> usize {
        match self.workers {
            // A machine that cannot say how many cores it has gets the least.
            0 => thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}
