//! The stand-in provider: where it is called, and how it behaves.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{duration, secret};

/// `[sandbox]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Where it is called, without a path.
    pub url: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it was asked to send, one line each, only ever appended to.
    pub log_file: PathBuf,
    /// Where it sends its receipts.
    pub callback_url: String,
    /// Signs the receipts.
    #[serde(default, with = "secret::optional")]
    pub signing_key: Option<SecretString>,
    /// How long after a message its receipt follows.
    #[serde(rename = "receipt_delay_ms", with = "duration::millis")]
    pub receipt_delay: Duration,
    /// Messages taken in a second; 0 is no limit.
    pub throttle_per_second: u32,
}
