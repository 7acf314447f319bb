//! The latency of calls to nine services, while the tenth behaves well or badly.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Ready;
use crate::load::{Pace, Until, drive};
use crate::receiver::{Call, Manner, RECEIVERS};

/// How long each is measured.
const TIME: Duration = Duration::from_secs(20);
/// Messages in a second, over all ten services.
const PER_SECOND: f64 = 300.0;
/// Without any progress for so long, the rest of the calls does not come.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What the bad one is still owed must not disturb the next measurement.
const RECOVERY: Duration = Duration::from_secs(40);

/// What the others saw.
pub(super) struct Others {
    /// From a message's end until its call came, in milliseconds; infinite when more than one in a
    /// hundred calls never came.
    pub p99_ms: f64,
    /// Calls to them that never came.
    pub missing: u64,
}

/// Measures beside a first service that behaves so.
pub(super) async fn run(ready: &Ready, first: Manner, seed: u64) -> anyhow::Result<Others> {
    ready.receivers.let_first(first);
    ready.receivers.take();
    let (pace, until) = (Pace::PerSecond(PER_SECOND), Until::Elapsed(TIME));
    let tally = drive(&ready.targets, pace, until, seed).await?;
    tally.all_accepted()?;
    let n_expected = of_the_others(tally.n_accepted());
    all_told(ready, n_expected).await;
    let mut calls = ready.receivers.take();
    calls.retain(|call| call.receiver != 0);
    if first != Manner::Well {
        ready.receivers.let_first(Manner::Well);
        tokio::time::sleep(RECOVERY).await;
    }
    Ok(seen(&calls, n_expected))
}

/// Messages go to the services in turn, and the first is the bad one.
const fn of_the_others(n_messages: u64) -> u64 {
    n_messages - n_messages.div_ceil(RECEIVERS as u64)
}

async fn all_told(ready: &Ready, n_expected: u64) {
    let (mut told, mut moved) = (0, Instant::now());
    while told < n_expected && moved.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = ready.receivers.n_told(1..);
        if now != told {
            (told, moved) = (now, Instant::now());
        }
    }
}

/// A call that did not come is later than any that did. Of one that came again the first counts.
fn seen(calls: &[Call], n_expected: u64) -> Others {
    let mut first: HashMap<Uuid, Duration> = HashMap::new();
    for call in calls {
        let latency = first.entry(call.notification).or_insert(call.latency);
        *latency = call.latency.min(*latency);
    }
    let missing = n_expected.saturating_sub(first.len() as u64);
    let mut latencies_ms: Vec<f64> = first
        .values()
        .map(|latency| latency.as_secs_f64() * 1_000.0)
        .chain((0..missing).map(|_| f64::INFINITY))
        .collect();
    latencies_ms.sort_unstable_by(f64::total_cmp);
    let p99_ms = latencies_ms.get(latencies_ms.len() * 99 / 100);
    Others {
        p99_ms: p99_ms.copied().unwrap_or(f64::INFINITY),
        missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: u128, latency_ms: u64) -> Call {
        Call {
            notification: Uuid::from_u128(n),
            receiver: 1,
            at: carillon_core::clock::now(),
            latency: Duration::from_millis(latency_ms),
        }
    }

    #[test]
    fn calls_that_never_came_are_later_than_all_that_did() {
        let calls: Vec<Call> = (0..100).map(|n| call(n, 1)).collect();
        assert_eq!(seen(&calls, 100).p99_ms, 1.0);
        let one_missing = seen(&calls, 101);
        assert_eq!((one_missing.p99_ms, one_missing.missing), (1.0, 1));
        let two_missing = seen(&calls, 102);
        assert_eq!(
            (two_missing.p99_ms, two_missing.missing),
            (f64::INFINITY, 2)
        );
        assert_eq!(seen(&[], 0).p99_ms, f64::INFINITY);
    }

    #[test]
    fn a_repeated_call_stands_for_no_other() {
        let calls = [call(1, 5), call(1, 9)];
        let seen = seen(&calls, 2);
        assert_eq!((seen.p99_ms, seen.missing), (f64::INFINITY, 1));
    }

    #[test]
    fn nine_in_ten_messages_are_of_the_others() {
        assert_eq!(
            [6_000, 6_001, 6_009].map(of_the_others),
            [5_400, 5_400, 5_408]
        );
    }
}
