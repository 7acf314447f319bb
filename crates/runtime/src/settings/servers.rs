//! The two servers every process leans on.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{duration, secret};

/// `[database]`: PostgreSQL.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://user:password@host:port/database`
    #[serde(default, with = "secret::required")]
    pub url: SecretString,
    /// A way past a pooler, if there is one; see [`Database::direct_url`].
    #[serde(default, with = "secret::optional")]
    pub direct_url: Option<SecretString>,
    /// The most connections of one process.
    pub max_connections: usize,
    /// PostgreSQL cancels a statement that takes longer.
    #[serde(rename = "statement_timeout_ms", with = "duration::millis")]
    pub statement_timeout: Duration,
    /// How long to wait for a free or a new connection.
    #[serde(rename = "connect_timeout_ms", with = "duration::millis")]
    pub connect_timeout: Duration,
}

impl Database {
    /// Where LISTEN and migrations connect: past a pooler, if one is between.
    #[must_use]
    pub fn direct_url(&self) -> &SecretString {
        self.direct_url.as_ref().unwrap_or(&self.url)
    }
}

/// `[amqp]`: RabbitMQ.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Amqp {
    /// `amqp://user:password@host:port/vhost`, or several, separated by commas.
    #[serde(default, with = "secret::required")]
    pub url: SecretString,
    /// Stands before the name of every queue.
    pub prefix: String,
}
