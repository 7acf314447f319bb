//! A backlog of calls, as fast as a worker makes them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Map, Value};

use super::{ALL_BUT_CALLBACKS, CALLBACKS, Ready, servers};
use crate::arguments::Arguments;
use crate::load::{Pace, Until, drive};

/// Calls of a run.
const MESSAGES: u64 = 20_000;
/// Without any progress for so long, the rest is missing.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What came of a backlog.
pub(super) struct Drain {
    /// From the first call to the last.
    pub per_second: f64,
    /// Messages whose call never came.
    pub missing: u64,
    /// Calls beyond one for each message.
    pub repeated: u64,
    /// By process, for each call.
    pub cpu: Map<String, Value>,
}

/// Lets a backlog grow while nobody calls, then measures how fast a worker calls.
pub(super) async fn run(ready: &mut Ready, arguments: &Arguments) -> anyhow::Result<Drain> {
    ready.installation.replace_worker(ALL_BUT_CALLBACKS).await?;
    let until = Until::Count(MESSAGES);
    let tally = drive(&ready.targets, Pace::Closed, until, arguments.seed).await?;
    tally.all_accepted()?;
    all_ended(ready).await?;
    ready.receivers.take();
    ready.installation.replace_worker(CALLBACKS).await?;
    let groups = ready.installation.groups(servers(arguments));
    let before = groups.cpu()?;
    settled(ready, tally.n_accepted()).await;
    let used = groups.since(&before)?;
    let calls = ready.receivers.take();
    let (first, last) = (
        calls
            .iter()
            .map(|call| call.at)
            .min()
            .context("no call came")?,
        calls
            .iter()
            .map(|call| call.at)
            .max()
            .context("no call came")?,
    );
    let told: HashSet<_> = calls.iter().map(|call| call.notification).collect();
    let n_told = told.len() as u64;
    Ok(Drain {
        per_second: calls.len() as f64 / (last - first).as_seconds_f64(),
        missing: tally.n_accepted().saturating_sub(n_told),
        repeated: calls.len() as u64 - n_told,
        cpu: used.per_message(tally.n_accepted()),
    })
}

/// Every message has its receipt, so that nothing but calling is left to do.
async fn all_ended(ready: &Ready) -> anyhow::Result<()> {
    let database = ready.installation.database.client().await;
    let (mut seen, mut moved) = (0, Instant::now());
    while moved.elapsed() < PATIENCE {
        let query = "SELECT count(*) FROM notifications WHERE completed_at IS NULL";
        let left: i64 = database.query_one(query, &[]).await?.get(0);
        if left == 0 {
            return Ok(());
        }
        if left != seen {
            (seen, moved) = (left, Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY * 4).await;
    }
    anyhow::bail!("{seen} messages have no end")
}

async fn settled(ready: &Ready, n_messages: u64) {
    let (mut seen, mut moved) = (0, Instant::now());
    while seen < n_messages && moved.elapsed() < PATIENCE {
        let now = ready.receivers.n_told(0..);
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
