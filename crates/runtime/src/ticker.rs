//! Loops that repeat: woken by an event where there is one, and by a timer in any case, so that
//! a lost event costs one interval and nothing else.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use carillon_runtime::{App, ticker};
//! # async fn relay() -> anyhow::Result<()> { Ok(()) }
//! # fn start(app: &App) {
//! let shutdown = app.shutdown.clone();
//! app.tasks.spawn("relay", async move {
//!     ticker::every(Duration::from_millis(250), &shutdown, "relay", async || relay().await).await;
//! });
//! # }
//! ```

use std::time::Duration;

use metrics::{counter, histogram};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Replicas started together drift apart by this share of the interval.
const JITTER: f64 = 0.1;

/// Calls `work` at once and then every `interval` (±10 %) until `shutdown` is cancelled. Ticks
/// that a slow call has missed are skipped. A call in progress is finished, never cut off.
///
/// An error is logged when it begins and when it is over, not at every tick between.
///
/// `work` is an `async || …` that borrows what it needs; to be spawned, it cannot be an
/// `AsyncFnMut` whose calls borrow from itself (the compiler does not see that those are `Send`).
pub async fn every<F>(
    interval: Duration,
    shutdown: &CancellationToken,
    name: &'static str,
    work: impl FnMut() -> F,
) where
    F: Future<Output = anyhow::Result<()>>,
{
    // Nobody else holds it, so that only the timer wakes.
    let never = Notify::new();
    every_or_woken(interval, shutdown, name, &never, work).await;
}

/// Like [`every`], and also as soon as `wake` is notified. Notifications during a call lead to
/// one more call after it.
pub async fn every_or_woken<F>(
    interval: Duration,
    shutdown: &CancellationToken,
    name: &'static str,
    wake: &Notify,
    mut work: impl FnMut() -> F,
) where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut was_well = true;
    while !shutdown.is_cancelled() {
        let begun = Instant::now();
        let result = work().await;
        histogram!("carillon_tick_seconds", "ticker" => name).record(begun.elapsed());
        was_well = report(name, was_well, &result);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep_until(next(begun, with_jitter(interval), Instant::now())) => {}
            () = wake.notified() => {}
        }
    }
}

/// The first multiple of `period` after `begun` that is still to come.
fn next(begun: Instant, period: Duration, now: Instant) -> Instant {
    let period = period.max(Duration::from_millis(1));
    let n_missed = now.duration_since(begun).as_nanos() / period.as_nanos();
    // A call that missed four billion ticks has no rhythm to keep.
    begun + period * u32::try_from(n_missed + 1).unwrap_or(u32::MAX)
}

fn with_jitter(interval: Duration) -> Duration {
    interval.mul_f64(rand::random_range(1.0 - JITTER..=1.0 + JITTER))
}

fn report(name: &'static str, was_well: bool, result: &anyhow::Result<()>) -> bool {
    let outcome = if result.is_ok() { "ok" } else { "error" };
    counter!("carillon_ticks_total", "ticker" => name, "outcome" => outcome).increment(1);
    match result {
        Err(error) if was_well => {
            let error = format!("{error:#}");
            error!(
                ticker = name,
                error, "{name} fails; it is tried again at every tick"
            );
        }
        Ok(()) if !was_well => info!(ticker = name, "{name} works again"),
        _ => {}
    }
    result.is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::sleep;

    use super::*;
    use crate::Tasks;

    const INTERVAL: Duration = Duration::from_secs(10);

    struct Loop {
        shutdown: CancellationToken,
        wake: Arc<Notify>,
        n_calls: Arc<AtomicU32>,
        tasks: Tasks,
    }

    /// A loop whose every call takes `call`, spawned as in production.
    fn start(call: Duration) -> Loop {
        let (shutdown, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        let (n_calls, tasks) = (Arc::new(AtomicU32::new(0)), Tasks::new(shutdown.clone()));
        let (until, woken, count) = (shutdown.clone(), Arc::clone(&wake), Arc::clone(&n_calls));
        tasks.spawn("loop", async move {
            let work = async || {
                count.fetch_add(1, Ordering::Relaxed);
                sleep(call).await;
                anyhow::bail!("an error does not end the loop")
            };
            every_or_woken(INTERVAL, &until, "loop", &woken, work).await;
        });
        Loop {
            shutdown,
            wake,
            n_calls,
            tasks,
        }
    }

    impl Loop {
        async fn calls_after(&self, time: Duration) -> u32 {
            sleep(time).await;
            self.n_calls.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_once_and_then_at_every_interval() {
        let ticks = start(Duration::ZERO);
        assert_eq!(ticks.calls_after(Duration::from_secs(1)).await, 1);
        let n_calls = ticks.calls_after(INTERVAL * 100).await;
        assert!((91..=112).contains(&n_calls), "{n_calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn missed_ticks_are_skipped() {
        let ticks = start(INTERVAL * 3 / 2);
        let n_calls = ticks.calls_after(INTERVAL * 20).await;
        assert!((10..=11).contains(&n_calls), "{n_calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_wakes_it_before_the_timer() {
        let ticks = start(Duration::ZERO);
        ticks.calls_after(Duration::from_secs(1)).await;
        ticks.wake.notify_one();
        assert_eq!(ticks.calls_after(Duration::from_secs(1)).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_it_after_the_call_in_progress() {
        let ticks = start(Duration::from_secs(5));
        ticks.calls_after(Duration::from_secs(1)).await;
        ticks.shutdown.cancel();
        let before = Instant::now();
        ticks.tasks.finished().await;
        assert_eq!(before.elapsed(), Duration::from_secs(4));
        assert_eq!(ticks.n_calls.load(Ordering::Relaxed), 1);
    }
}
