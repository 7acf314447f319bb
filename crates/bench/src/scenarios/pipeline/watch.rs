//! Watching messages until they are delivered, without disturbing that.

use std::time::{Duration, Instant};

use anyhow::Context;
use carillon_core::id::NotificationId;

use super::Ready;
use crate::installation::Installation;

/// How often is looked whether all are delivered. What the looking costs is paid by everyone, so
/// the sandbox's counts are asked first and the rows only when it has no receipt left.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Without any progress for so long, the rest is lost.
const PATIENCE: Duration = Duration::from_secs(40);

/// Watches what is sent from a moment on.
pub(super) struct Watch<'a> {
    ready: &'a Ready,
    /// No id of these messages is below.
    pub lowest: String,
    began_s: f64,
    sandbox: Counts,
}

/// What a watch saw in the end.
pub(super) struct End {
    pub n_delivered: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Until the last row became `delivered`, by the database's clock, which is this machine's.
    pub took_s: f64,
}

#[derive(Clone, Copy, PartialEq)]
struct Counts {
    accepted: u64,
    distinct: u64,
    receipts: u64,
}

impl<'a> Watch<'a> {
    /// Begins now.
    pub async fn start(ready: &'a Ready) -> anyhow::Result<Self> {
        let sandbox = counts(&ready.installation).await?;
        let now = carillon_core::clock::now();
        Ok(Self {
            ready,
            lowest: NotificationId::lower_bound(now).to_string(),
            began_s: now.timestamp_micros() as f64 / 1e6,
            sandbox,
        })
    }

    /// Waits until this many are delivered, or nothing moves any more.
    pub async fn settled(&self, n_accepted: u64) -> anyhow::Result<End> {
        let (mut seen, mut moved) = (None, Instant::now());
        loop {
            let counts = counts(&self.ready.installation).await?;
            let n_receipts = counts.receipts - self.sandbox.receipts;
            let mut now = (n_receipts, 0);
            if n_receipts >= n_accepted || moved.elapsed() > PATIENCE {
                let (n_delivered, last_s) = self.delivered().await?;
                if n_delivered >= n_accepted || moved.elapsed() > PATIENCE {
                    let again = |counts: Counts| counts.accepted - counts.distinct;
                    return Ok(End {
                        n_delivered,
                        lost: n_accepted.saturating_sub(n_delivered),
                        duplicated: again(counts) - again(self.sandbox),
                        took_s: last_s - self.began_s,
                    });
                }
                now.1 = n_delivered;
            }
            if seen.replace(now) != Some(now) {
                moved = Instant::now();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How many are delivered, and when the last was.
    async fn delivered(&self) -> anyhow::Result<(u64, f64)> {
        let query = "SELECT count(*), coalesce(extract(epoch FROM max(updated_at)), 0)::float8 \
             FROM notifications WHERE id >= $1::text::uuid AND status = 'delivered'";
        let row = self
            .ready
            .database
            .query_one(query, &[&self.lowest])
            .await
            .context(query)?;
        Ok((row.get::<_, i64>(0).unsigned_abs(), row.get(1)))
    }
}

async fn counts(installation: &Installation) -> anyhow::Result<Counts> {
    let stats = installation.sandbox_stats().await?;
    let count = |name: &str| {
        stats[name]
            .as_u64()
            .with_context(|| format!("no {name} in {stats}"))
    };
    Ok(Counts {
        accepted: count("accepted")?,
        distinct: count("distinct_ids")?,
        receipts: count("receipts_sent")?,
    })
}
