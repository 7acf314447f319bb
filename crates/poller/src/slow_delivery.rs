//! Taking weight from providers that deliver slowly.

use carillon_core::provider::balance::{Weighed, away_from_slow, has_choice};
use carillon_store::{Store, provider};

use crate::tend_providers::report;

/// Looks how fast each provider was lately and moves weight from slow ones to the others of their
/// channel; returns how many weights have moved.
pub(crate) async fn switch(store: &Store) -> anyhow::Result<usize> {
    let all = provider::list(store).await?;
    if !has_choice(&all.iter().map(Weighed::from).collect::<Vec<_>>()) {
        return Ok(0);
    }
    // Before the lock, for it reads a quarter of an hour of messages. Whether weights may move at all
    // is decided under it.
    let speeds = provider::speeds(store).await?;
    let decide = |all: &[Weighed], now| away_from_slow(all, &speeds, now);
    let moved = provider::reweigh(store, "poller", decide).await?;
    Ok(report(&moved))
}
