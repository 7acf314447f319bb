//! The backlog as metrics: how much is on its way and waits, and how old the oldest is.

use std::collections::HashSet;

use carillon_core::queue::DELIVERY;
use carillon_core::reason::Reason;
use carillon_store::{Store, backlog};
use metrics::gauge;

/// Sets the gauges; what has none of its kind is set to zero, so that an alert ends.
pub(crate) async fn measure(store: &Store) -> anyhow::Result<()> {
    let on_its_way = backlog::on_its_way(store).await?;
    let mut seen = HashSet::new();
    for lane in on_its_way {
        let queue = lane.queue.as_str();
        seen.insert(queue);
        gauge!("carillon_on_its_way", "queue" => queue).set(lane.n as f64);
        gauge!("carillon_on_its_way_oldest_seconds", "queue" => queue).set(lane.oldest_seconds);
    }
    for queue in DELIVERY.iter().map(|queue| queue.as_str()) {
        if !seen.contains(queue) {
            gauge!("carillon_on_its_way", "queue" => queue).set(0.0);
            gauge!("carillon_on_its_way_oldest_seconds", "queue" => queue).set(0.0);
        }
    }
    let waiting = backlog::waiting(store).await?;
    for reason in Reason::ALL.iter().map(|reason| reason.as_str()) {
        let found = waiting.iter().find(|waiting| waiting.reason == reason);
        let (n, overdue) = found.map_or((0, 0.0), |w| (w.n, w.overdue_seconds));
        gauge!("carillon_waiting", "reason" => reason).set(n as f64);
        gauge!("carillon_waiting_overdue_seconds", "reason" => reason).set(overdue);
    }
    Ok(())
}
