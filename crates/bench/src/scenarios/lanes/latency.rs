//! From accepting a message until its row says `delivered`.

use std::time::{Duration, Instant};

use anyhow::Context;
use carillon_core::clock;
use carillon_core::id::NotificationId;
use tokio_postgres::Client;

use crate::load::Target;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Without any progress for so long, the rest is lost.
const PATIENCE: Duration = Duration::from_secs(40);

/// Both clocks are this machine's.
const LATENCY: &str = "SELECT count(*),
        (percentile_disc(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP (
            ORDER BY extract(epoch FROM updated_at - created_at)))::float8[]
    FROM notifications
    WHERE id >= $1::text::uuid AND template_id = $2::text::uuid AND job_id IS NULL
      AND status = 'delivered'";

/// The messages of a template that are sent from a moment on, one by one.
pub(in crate::scenarios) struct Messages {
    /// No id of theirs is below.
    lowest: String,
    template_id: String,
}

/// How long they took.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenarios) struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// Accepted and not delivered.
    pub lost: u64,
}

impl Messages {
    /// Begins now.
    pub fn start(target: &Target) -> Self {
        Self {
            lowest: NotificationId::lower_bound(clock::now()).to_string(),
            template_id: target.template_id.clone(),
        }
    }

    /// Waits until this many are delivered, or nothing moves any more, and reads how long they took.
    pub async fn latency(&self, database: &Client, n_accepted: u64) -> anyhow::Result<Latency> {
        let (mut seen, mut moved) = (0, Instant::now());
        loop {
            let row = database
                .query_one(LATENCY, &[&self.lowest, &self.template_id])
                .await
                .context("reading latencies")?;
            let n_delivered = row.get::<_, i64>(0).unsigned_abs();
            if n_delivered >= n_accepted || moved.elapsed() > PATIENCE {
                let seconds: Option<Vec<f64>> = row.get(1);
                let [p50, p99, max] = seconds.context("nothing was delivered")?[..] else {
                    anyhow::bail!("not three latencies");
                };
                return Ok(Latency {
                    p50_ms: p50 * 1_000.0,
                    p99_ms: p99 * 1_000.0,
                    max_ms: max * 1_000.0,
                    lost: n_accepted.saturating_sub(n_delivered),
                });
            }
            if n_delivered != seen {
                (seen, moved) = (n_delivered, Instant::now());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
