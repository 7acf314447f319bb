//! Messages as fast as they are accepted, until the last is delivered.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use carillon_core::id::NotificationId;
use serde_json::{Map, Value};
use tokio_postgres::Client;

use crate::installation::Installation;
use crate::load::{CONNECTIONS, Pace, Until, drive};
use crate::usage::Groups;

/// What came of a burst.
pub(super) struct Burst {
    /// From the first POST to the last `delivered`.
    pub per_second: f64,
    /// From the first POST to the last 201.
    pub accepted_per_second: f64,
    /// Accepted and not delivered.
    pub lost: u64,
    /// Sent more than once.
    pub duplicated: u64,
    /// By process.
    pub cpu: Map<String, Value>,
    /// All but generator and sandbox.
    pub system_us: f64,
}

/// How often is looked whether all are delivered. What the looking costs is paid by everyone, so
/// the sandbox's counts are asked first and the rows only when it has no receipt left.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Without any progress for so long, the rest is lost.
const PATIENCE: Duration = Duration::from_secs(40);

pub(super) async fn run(
    installation: &Installation,
    database: &Client,
    groups: &Groups,
    n_messages: u64,
    seed: u64,
) -> anyhow::Result<Burst> {
    let watch = Watch::start(installation, database).await?;
    let cpu_before = groups.cpu()?;
    let until = Until::Count(n_messages);
    let tally = drive(&installation.target, CONNECTIONS, Pace::Closed, until, seed).await?;
    tally.all_accepted()?;
    let end = watch.settled(tally.n_accepted()).await?;
    let used = groups.since(&cpu_before)?;
    ensure!(end.took_s > 0.0, "nothing was delivered");
    Ok(Burst {
        per_second: end.n_delivered as f64 / end.took_s,
        accepted_per_second: tally.rate(),
        lost: end.lost,
        duplicated: end.duplicated,
        cpu: used.per_message(n_messages),
        system_us: used.of_the_system(n_messages),
    })
}

/// Watches what is sent from a moment on.
pub(super) struct Watch<'a> {
    installation: &'a Installation,
    database: &'a Client,
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
    took_s: f64,
}

#[derive(Clone, Copy, PartialEq)]
struct Counts {
    accepted: u64,
    distinct: u64,
    receipts: u64,
}

impl<'a> Watch<'a> {
    /// Begins now.
    pub async fn start(
        installation: &'a Installation,
        database: &'a Client,
    ) -> anyhow::Result<Self> {
        let sandbox = counts(installation).await?;
        let now = carillon_core::clock::now();
        Ok(Self {
            installation,
            database,
            lowest: NotificationId::lower_bound(now).to_string(),
            began_s: now.timestamp_micros() as f64 / 1e6,
            sandbox,
        })
    }

    /// Waits until this many are delivered, or nothing moves any more.
    pub async fn settled(&self, n_accepted: u64) -> anyhow::Result<End> {
        let (mut seen, mut moved) = (None, Instant::now());
        loop {
            let counts = counts(self.installation).await?;
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
