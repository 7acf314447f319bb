//! Asking for more requests, for all services that run out at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::id::ServiceId;
use carillon_core::limits::rate::RateLease;
use carillon_store::Store;
use carillon_store::limits::{RateAsk, lease_rates};
use tokio_util::sync::CancellationToken;

use super::away::{Away, WITHIN};
use super::book::{Ask, Book, Lease};

/// Leases by service and type of key.
pub(super) type Rates = Book<(ServiceId, KeyType), RateLease>;

impl Lease for RateLease {
    fn give_back(&mut self) {
        Self::give_back(self);
    }
}

/// How often leases that nobody uses are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Asks until it is ended.
pub(super) async fn ask(rates: Arc<Rates>, store: Store, ended: CancellationToken) {
    let mut away = Away::of("rate");
    let mut forget = tokio::time::interval(FORGET_EVERY);
    loop {
        let asks = tokio::select! {
            asks = rates.asks() => asks,
            _ = forget.tick() => {
                let now = rates.now();
                rates.for_each(|_, lease| lease.is_idle(now));
                continue;
            }
            () = ended.cancelled() => break,
        };
        let leases: Vec<RateAsk> = asks.iter().map(lease_of).collect();
        let granted = tokio::time::timeout(WITHIN, lease_rates(&store, &leases)).await;
        let granted = away.note(granted);
        let grants: HashMap<_, _> = granted
            .into_iter()
            .flatten()
            .map(|grant| ((grant.service_id, grant.key_type), grant))
            .collect();
        for ask in &asks {
            rates.answer(ask, |lease, now| match grants.get(&ask.key) {
                Some(grant) => {
                    let granted = u32::try_from(grant.granted).unwrap_or(0);
                    lease.answered(granted, grant.left, now)
                }
                None => lease.failed(now),
            });
        }
    }
}

const fn lease_of(ask: &Ask<(ServiceId, KeyType)>) -> RateAsk {
    RateAsk {
        service_id: ask.key.0,
        key_type: ask.key.1,
        limit: ask.limit,
        wanted: ask.wanted,
    }
}
