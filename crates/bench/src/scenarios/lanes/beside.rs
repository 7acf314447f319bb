//! Messages of a lane while a job drains.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::latency::{Latency, Messages};
use super::{PER_SECOND, ROWS, Ready, SETTLING};
use crate::installation::mailing::{End, Watch};
use crate::load::{Mailing, Pace, Target, Until, drive};

/// What came of both.
pub(super) struct Beside {
    /// Of the messages.
    pub latency: Latency,
    /// Of the job.
    pub end: End,
    /// By process, for each row and message.
    pub cpu: Map<String, Value>,
}

/// Posts a job and sends messages from its 201 until its last row is delivered.
pub(super) async fn run(ready: &Ready, target: &Target, seed: u64) -> anyhow::Result<Beside> {
    let mailing = Mailing::new(&ready.installation.target, ROWS, seed)?;
    tokio::time::sleep(SETTLING).await;
    let watch = Watch::start(&ready.installation, &ready.database).await?;
    let before = ready.groups.cpu()?;
    let posted = mailing.post().await?;
    let messages = Messages::start(target);
    let is_drained = Arc::new(AtomicBool::new(false));
    let until = Until::Told(Arc::clone(&is_drained));
    let drained = async {
        let end = watch.settled(&posted, ROWS).await;
        is_drained.store(true, Ordering::Relaxed);
        end
    };
    let pace = Pace::PerSecond(PER_SECOND);
    let sent = drive(std::slice::from_ref(target), pace, until, seed);
    let (end, tally) = tokio::join!(drained, sent);
    let (end, tally) = (end?, tally?);
    tally.all_accepted()?;
    let used = ready.groups.since(&before)?;
    let n_accepted = tally.n_accepted();
    Ok(Beside {
        latency: messages.latency(&ready.database, n_accepted).await?,
        end,
        cpu: used.per_message(ROWS + n_accepted),
    })
}
