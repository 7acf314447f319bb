//! One job.

use anyhow::ensure;
use serde_json::{Map, Value};

use super::Ready;
use crate::installation::mailing::{End, Watch};
use crate::load::Mailing;

/// What came of a job.
pub(super) struct Round {
    n_rows: u64,
    /// The request alone.
    pub post_s: f64,
    /// Times from the 201, and what is missing or too much.
    pub end: End,
    /// By process, from the first byte of the request on.
    pub cpu: Map<String, Value>,
    /// All but generator and sandbox.
    pub system_us: f64,
}

/// Posts a job of this many rows and waits for the last.
pub(super) async fn run(ready: &Ready, n_rows: u64, seed: u64) -> anyhow::Result<Round> {
    let mailing = Mailing::new(&ready.installation.target, n_rows, seed)?;
    let watch = Watch::start(&ready.installation, &ready.database).await?;
    let cpu_before = ready.groups.cpu()?;
    let posted = mailing.post().await?;
    let end = watch.settled(&posted, n_rows).await?;
    let used = ready.groups.since(&cpu_before)?;
    ensure!(end.delivered_s > 0.0, "nothing was delivered");
    Ok(Round {
        n_rows,
        post_s: posted.took.as_secs_f64(),
        end,
        cpu: used.per_message(n_rows),
        system_us: used.of_the_system(n_rows),
    })
}

impl Round {
    /// Rows in a second, from the 201 until the last was delivered.
    pub fn rows_per_second(&self) -> f64 {
        (self.n_rows - self.end.lost) as f64 / self.end.delivered_s
    }
}
