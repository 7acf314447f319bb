//! Lane markers: one into every queue of ids and every accept inbox, every few seconds while they
//! come out again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::Context;
use carillon_amqp::{Outgoing, Publisher};
use carillon_core::queue::Queue;
use carillon_core::task::MarkLane;
use carillon_store::{Store, health, watermark};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::publish::{self, Failed, Share};

/// Drops markers; those of a lane that nobody consumes become rarer, so that they do not pile up.
#[derive(Default)]
pub(crate) struct Markers {
    lanes: Mutex<HashMap<Queue, Lane>>,
}

/// What this poller last did for a lane.
#[derive(Clone, Copy)]
struct Lane {
    published_at: DateTime<Utc>,
    /// Markers in a row that had not come out when the next was due.
    n_unseen: u32,
}

/// The rarest: a lane whose consumers come back is marked again within this time.
const RAREST: Duration = Duration::from_secs(60);

impl Markers {
    /// Drops one marker into each lane that is due. The time is read before publishing: what a
    /// marker proves must have been in the queue by then. A lane that takes none keeps no other from
    /// its own, and is tried more rarely like one that nobody consumes.
    pub async fn round(
        &self,
        store: &Store,
        publisher: &Publisher,
        interval: Duration,
    ) -> anyhow::Result<()> {
        if !publisher.is_connected() {
            return Ok(());
        }
        let now = health::now(store).await?;
        let watermarks: HashMap<String, DateTime<Utc>> =
            watermark::read(store).await?.into_iter().collect();
        let mut shares: BTreeMap<Queue, Share<()>> = BTreeMap::new();
        for queue in Queue::marked() {
            let last = self.lanes.lock().get(&queue).copied();
            let recorded = watermarks.get(queue.as_str()).copied();
            let Some(lane) = next(last, recorded, now, interval) else {
                continue;
            };
            let marker = MarkLane {
                queue,
                published_at: lane.published_at,
            };
            let marker = Outgoing::task(queue, carillon_core::id::mint(), &marker)?;
            shares.entry(queue).or_default().tasks.push(marker);
            self.lanes.lock().insert(queue, lane);
        }
        let (failed, _) = publish::by_queue(publisher, shares).await;
        match failed.into_iter().next() {
            Some(Failed { queue, error, .. }) => {
                Err(error).with_context(|| format!("no marker into {queue}"))
            }
            None => Ok(()),
        }
    }
}

/// The lane's next marker, if it is due: twice as rare for each in a row that has not come out.
fn next(
    last: Option<Lane>,
    recorded: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    interval: Duration,
) -> Option<Lane> {
    let Some(last) = last else {
        return Some(Lane {
            published_at: now,
            n_unseen: 0,
        });
    };
    let has_come_out = recorded.is_some_and(|at| at >= last.published_at);
    let n_unseen = if has_come_out { 0 } else { last.n_unseen + 1 };
    // The first round after a marker comes too soon to expect it back.
    let doublings = n_unseen.saturating_sub(1).min(5);
    let wait = (interval * (1 << doublings)).min(RAREST.max(interval));
    // Rounds come with jitter: a little early is not early.
    let age = (now - last.published_at).to_std().unwrap_or_default();
    (age >= wait.mul_f64(0.85)).then_some(Lane {
        published_at: now,
        n_unseen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    /// Rounds of an hour; how many markers were dropped when each comes out after `out_after`.
    fn an_hour(comes_out: bool) -> usize {
        let start = carillon_core::clock::now();
        let (mut last, mut recorded, mut n) = (None, None, 0);
        for round in 0..720 {
            let now = start + chrono::Duration::seconds(5 * round);
            if let Some(lane) = next(last, recorded, now, INTERVAL) {
                n += 1;
                last = Some(lane);
                recorded = comes_out.then_some(lane.published_at);
            }
        }
        n
    }

    #[test]
    fn a_consumed_lane_is_marked_at_every_round_and_an_unconsumed_one_once_a_minute() {
        assert_eq!(an_hour(true), 720);
        let n = an_hour(false);
        assert!((55..75).contains(&n), "{n}");
    }
}
