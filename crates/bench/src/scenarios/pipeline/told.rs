//! The same with a service that is told of each message's end.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::burst::{self, rate};
use super::{MESSAGES, Ready};
use crate::receiver::Receivers;
use crate::scenarios::progress;

/// Without any progress for so long, the rest is not told.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Registers a callback and measures; the calls are made meanwhile, and have all come in the end.
pub(super) async fn run(ready: &Ready, n_rounds: usize, seed: u64) -> anyhow::Result<f64> {
    let receivers = Receivers::start()?;
    // Any but the first, which is the one that can hang.
    let url = receivers.url(1);
    let service_id = &ready.installation.target.service_id;
    ready.installation.call_back(service_id, &url).await?;
    let mut bursts = Vec::new();
    for round in 1..=n_rounds {
        let burst = burst::run(ready, MESSAGES, seed).await?;
        progress(&format!(
            "pipeline with callbacks {round}/{n_rounds}: {:.0} per second",
            burst.per_second
        ));
        bursts.push(burst);
        all_told(&receivers).await?;
    }
    Ok(rate(&bursts))
}

async fn all_told(receivers: &Receivers) -> anyhow::Result<()> {
    let (mut seen, mut moved) = (0, Instant::now());
    while seen < MESSAGES {
        ensure!(
            moved.elapsed() < PATIENCE,
            "the service was told of only {seen} of {MESSAGES} messages"
        );
        // Messages and not calls: a call that came twice must not stand for one that did not come.
        let now = receivers.n_told(0..);
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    receivers.take();
    Ok(())
}
