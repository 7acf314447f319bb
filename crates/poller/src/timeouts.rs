//! Ending messages that have been open for too long, page by page of their primary key.

use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_store::{Store, health, job, notification};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

/// Messages that one statement looks at.
const PAGE: i64 = 5_000;
/// How far before the cutoff a message may have been accepted and still be open: a send may be
/// scheduled four days ahead, and a day is for pollers that were away. Rows of jobs that went on later
/// than that are looked for by their jobs.
const LOOK_BACK: Duration = Duration::from_secs(5 * 86_400);

/// Ends what should have been sent longer than `give_up_after` ago and is still open; returns how
/// many. Each page is a statement of its own; whatever is left at shutdown is for the next slot.
pub(crate) async fn end_what_stays_open(
    store: &Store,
    give_up_after: Duration,
    shutdown: &CancellationToken,
) -> anyhow::Result<usize> {
    let cutoff = health::now(store).await? - give_up_after;
    let mut spans = job::went_on_late(store, cutoff - LOOK_BACK).await?;
    spans.push(bounds(cutoff));
    let (mut n_ended, mut n_to_tell) = (0, 0);
    for (mut after, before) in spans {
        while !shutdown.is_cancelled() {
            let page = notification::time_out(store, (after, before), cutoff, PAGE).await?;
            let Some(page) = page else { break };
            after = page.last;
            n_ended += usize::try_from(page.n_ended).unwrap_or(0);
            n_to_tell += page.n_callback_events;
        }
    }
    if n_ended > 0 {
        tracing::warn!(
            n_rows = n_ended,
            n_to_tell,
            "ended what had been open for too long"
        );
        metrics::counter!("carillon_timed_out_total").increment(n_ended as u64);
    }
    Ok(n_ended)
}

/// Between which ids the messages lie, both exclusive.
fn bounds(cutoff: DateTime<Utc>) -> (NotificationId, NotificationId) {
    let bound = NotificationId::lower_bound;
    (bound(cutoff - LOOK_BACK), bound(cutoff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_scheduled_as_far_ahead_as_can_be_is_looked_at_when_its_time_has_passed() {
        let cutoff = carillon_core::clock::now();
        let accepted = cutoff - Duration::from_secs(4 * 86_400 + 3_600);
        let (after, before) = bounds(cutoff);
        assert!(after < NotificationId::lower_bound(accepted));
        assert!(NotificationId::lower_bound(cutoff - Duration::from_millis(1)) < before);
        assert!(NotificationId::lower_bound(cutoff + Duration::from_millis(1)) > before);
    }
}
