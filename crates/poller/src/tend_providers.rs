//! Moving weights back to where an operator put them.

use carillon_core::provider::balance::{Reweighed, back_to_rest};
use carillon_store::{Store, provider};

/// Moves weights that nobody touched for a while towards rest; returns how many have moved.
pub(crate) async fn back(store: &Store) -> anyhow::Result<usize> {
    let moved = provider::reweigh(store, "poller", back_to_rest).await?;
    Ok(report(&moved))
}

/// Says which weights have moved, and how many.
pub(crate) fn report(moved: &[Reweighed]) -> usize {
    for Reweighed {
        name,
        weight,
        reason,
    } in moved
    {
        tracing::warn!(provider = name, weight, reason, "moved a provider's weight");
    }
    moved.len()
}
