//! Messages at a fixed rate that the installation carries with ease, for their latencies.

use std::time::Duration;

use anyhow::Context;
use tokio_postgres::Client;

use super::Ready;
use super::watch::Watch;
use crate::load::{Pace, Tally, Until, drive};
use crate::numbers::rounded;
use crate::report::Report;
use crate::scenarios::progress;

/// How long.
const TIME: Duration = Duration::from_secs(30);

/// Latencies in milliseconds, as p50 and p99.
pub(super) struct Steady {
    /// From accepting until the row says `delivered`.
    delivered: [f64; 2],
    /// From accepting until the provider says it is delivered.
    receipt: [f64; 2],
    /// Of the requests, counted from their intended start.
    tally: Tally,
    pub lost: u64,
    pub duplicated: u64,
}

/// Sends at this rate and reads the latencies once all are delivered.
pub(super) async fn run(ready: &Ready, per_second: f64, seed: u64) -> anyhow::Result<Steady> {
    progress(&format!(
        "pipeline: {} s at {per_second:.0} per second",
        TIME.as_secs()
    ));
    let watch = Watch::start(ready).await?;
    let targets = std::slice::from_ref(&ready.installation.target);
    let pace = Pace::PerSecond(per_second);
    let tally = drive(targets, pace, Until::Elapsed(TIME), seed).await?;
    tally.all_accepted()?;
    let end = watch.settled(tally.n_accepted()).await?;
    Ok(Steady {
        delivered: latencies(&ready.database, "updated_at", &watch.lowest).await?,
        receipt: latencies(&ready.database, "completed_at", &watch.lowest).await?,
        tally,
        lost: end.lost,
        duplicated: end.duplicated,
    })
}

/// From `created_at` to another time of the same row; both clocks are this machine's.
async fn latencies(database: &Client, until: &str, lowest: &str) -> anyhow::Result<[f64; 2]> {
    let query = format!(
        "SELECT (percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (
             ORDER BY extract(epoch FROM {until} - created_at)))::float8[]
         FROM notifications WHERE id >= $1::text::uuid AND status = 'delivered'"
    );
    let row = database
        .query_one(&query, &[&lowest])
        .await
        .context("reading latencies")?;
    let seconds: Vec<f64> = row.get(0);
    let [p50, p99] = seconds[..] else {
        anyhow::bail!("{} latencies", seconds.len());
    };
    Ok([p50 * 1_000.0, p99 * 1_000.0])
}

impl Steady {
    pub fn report(&self, report: &mut Report) {
        report.set("p50_ms", rounded(self.delivered[0]));
        report.set("p99_ms", rounded(self.delivered[1]));
        report.set("to_receipt_p50_ms", rounded(self.receipt[0]));
        report.set("to_receipt_p99_ms", rounded(self.receipt[1]));
        report.set("accept_p50_ms", rounded(self.tally.percentile_ms(50.0)));
        report.set("accept_p99_ms", rounded(self.tally.percentile_ms(99.0)));
        report.set("open_loop_per_second", rounded(self.tally.rate()));
    }
}
