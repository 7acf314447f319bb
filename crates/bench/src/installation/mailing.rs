//! Watching a mailing until its last row is delivered, without disturbing that.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio_postgres::Client;

use super::Installation;
use crate::load::Posted;

/// How often is looked whether all are delivered. What the looking costs is paid by everyone, so
/// the sandbox's counts are asked first and the rows only when it has no receipt left.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Without any progress for so long, the rest is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// The ids of a job's rows carry its first start, so one millisecond of one partition is read.
const DELIVERED: &str = "SELECT count(n.id), coalesce(extract(epoch FROM max(n.updated_at)), 0)::float8
    FROM notifications n
    WHERE n.id >= uuidv7_lower_bound((SELECT started_at FROM jobs WHERE id = $1::text::uuid))
      AND n.id < uuidv7_lower_bound((SELECT started_at + interval '1 millisecond' FROM jobs WHERE id = $1::text::uuid))
      AND n.job_id = $1::text::uuid
      AND n.status = 'delivered'";
const SAVED: &str =
    "SELECT extract(epoch FROM finished_at)::float8 FROM jobs WHERE id = $1::text::uuid";

/// Watches a mailing that is posted after this was made.
pub(crate) struct Watch<'a> {
    installation: &'a Installation,
    database: &'a Client,
    before: Counts,
}

/// What a watch saw in the end. Times count from the 201, by the database's clock, which is this
/// machine's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// Until the job had saved its last row.
    pub saved_s: f64,
    /// Until the last row became `delivered`.
    pub delivered_s: f64,
    /// Rows that never were.
    pub lost: u64,
    /// Messages sent more than once, whosever they are.
    pub duplicated: u64,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    repeated: u64,
    receipts: u64,
}

impl<'a> Watch<'a> {
    /// Begins now.
    pub async fn start(
        installation: &'a Installation,
        database: &'a Client,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            installation,
            database,
            before: counts(installation).await?,
        })
    }

    /// Waits until all rows are delivered, or nothing moves any more.
    pub async fn settled(&self, posted: &Posted, n_rows: u64) -> anyhow::Result<End> {
        let (mut seen, mut moved) = ((0, 0), Instant::now());
        loop {
            let counts = counts(self.installation).await?;
            let n_receipts = counts.receipts - self.before.receipts;
            let is_given_up = moved.elapsed() > PATIENCE;
            let mut now = (n_receipts, 0);
            if n_receipts >= n_rows || is_given_up {
                let (n_delivered, last_s) = self.delivered(&posted.job_id).await?;
                if n_delivered >= n_rows || is_given_up {
                    let began_s = posted.at.timestamp_micros() as f64 / 1e6;
                    return Ok(End {
                        saved_s: self.saved(&posted.job_id).await? - began_s,
                        delivered_s: last_s - began_s,
                        lost: n_rows.saturating_sub(n_delivered),
                        duplicated: counts.repeated - self.before.repeated,
                    });
                }
                now.1 = n_delivered;
            }
            if now != seen {
                (seen, moved) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// How many are delivered, and when the last was.
    async fn delivered(&self, job_id: &str) -> anyhow::Result<(u64, f64)> {
        let row = self.database.query_one(DELIVERED, &[&job_id]).await;
        let row = row.context("counting delivered rows")?;
        Ok((row.get::<_, i64>(0).unsigned_abs(), row.get(1)))
    }

    /// When the last row was saved.
    async fn saved(&self, job_id: &str) -> anyhow::Result<f64> {
        let row = self.database.query_one(SAVED, &[&job_id]).await;
        let at: Option<f64> = row.context("reading the job")?.get(0);
        at.context("the job has not saved all its rows")
    }
}

async fn counts(installation: &Installation) -> anyhow::Result<Counts> {
    let stats = installation.sandbox_stats().await?;
    let count = |name: &str| {
        let n = stats[name].as_u64();
        n.with_context(|| format!("no {name} in {stats}"))
    };
    Ok(Counts {
        repeated: count("accepted")? - count("distinct_ids")?,
        receipts: count("receipts_sent")?,
    })
}
