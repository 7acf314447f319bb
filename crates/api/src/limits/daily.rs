//! Asking for more messages of the day, for all services that run out at the same time; telling the
//! counters what was accepted without asking, and what was leased and not used.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::daily::DailyLease;
use carillon_store::Store;
use carillon_store::limits::{
    self as store, DayAsk, DayCorrection, DayGrant, correct_days, lease_days,
};
use tokio_util::sync::CancellationToken;

use super::away::{Away, WITHIN};
use super::book::{Ask, Book, Lease};

type Key = (ServiceId, Channel);

/// Leases by service and channel.
pub(super) type Days = Book<Key, DailyLease>;

impl Lease for DailyLease {
    fn give_back(&mut self) {
        Self::give_back(self);
    }
}

/// How often is looked for what was not used for a while.
const REST_EVERY: Duration = Duration::from_secs(15);
/// How long the end of the process may wait for PostgreSQL to take back what was not used.
const HANDED_BACK_WITHIN: Duration = Duration::from_secs(3);

/// Asks until it is ended.
pub(super) async fn ask(days: Arc<Days>, store: Store, ended: CancellationToken) {
    let mut away = Away::of("daily");
    let mut rest = tokio::time::interval(REST_EVERY);
    loop {
        let asks = tokio::select! {
            asks = days.asks() => asks,
            _ = rest.tick() => {
                let corrections = resting(&days);
                if !corrections.is_empty() {
                    away.note(tokio::time::timeout(WITHIN, tell(&days, &store, corrections)).await);
                }
                continue;
            }
            () = ended.cancelled() => break,
        };
        let granted = tokio::time::timeout(WITHIN, lease(&days, &store, &asks)).await;
        let granted = away.note(granted);
        let grants: HashMap<_, _> = granted
            .into_iter()
            .flatten()
            .map(|grant| ((grant.service_id, grant.channel), grant))
            .collect();
        let today = carillon_core::clock::now().date_naive();
        for ask in &asks {
            days.answer(ask, |lease, now| match grants.get(&ask.key) {
                Some(grant) => lease.answered(grant.granted, grant.count, now),
                None => lease.failed(today, now),
            });
        }
    }
}

/// The counters first learn what was accepted without them: what is granted then is what is left.
async fn lease(
    days: &Days,
    store: &Store,
    asks: &[Ask<Key>],
) -> carillon_store::Result<Vec<DayGrant>> {
    let corrections = asks
        .iter()
        .flat_map(|ask| days.with(ask.key, |lease| of(ask.key, lease)))
        .collect();
    tell(days, store, corrections).await?;
    let asks: Vec<DayAsk> = asks
        .iter()
        .map(|ask| DayAsk {
            service_id: ask.key.0,
            channel: ask.key.1,
            limit: ask.limit,
            wanted: ask.wanted,
        })
        .collect();
    lease_days(store, &asks).await
}

/// What services that went quiet hand back, and what could not be told before.
fn resting(days: &Days) -> Vec<DayCorrection> {
    let mut corrections = Vec::new();
    let now = days.now();
    days.for_each(|key, lease| {
        let is_done = lease.rest(now);
        corrections.extend(of(key, lease));
        is_done
    });
    corrections
}

fn of((service_id, channel): Key, lease: &mut DailyLease) -> Vec<DayCorrection> {
    let corrections = lease.corrections().into_iter();
    corrections
        .map(|correction| DayCorrection {
            service_id,
            channel,
            correction,
        })
        .collect()
}

/// Corrections that are being told; what is dropped before it was told is kept for another time.
struct Untold<'a> {
    days: &'a Days,
    corrections: Vec<DayCorrection>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        for one in self.corrections.drain(..) {
            let key = (one.service_id, one.channel);
            self.days.with(key, |lease| lease.correct(one.correction));
        }
    }
}

async fn tell(
    days: &Days,
    store: &Store,
    corrections: Vec<DayCorrection>,
) -> carillon_store::Result<()> {
    let mut untold = Untold { days, corrections };
    correct_days(store, &untold.corrections).await?;
    untold.corrections.clear();
    Ok(())
}

/// Takes many at once, past the lease, but for what is unused of it; or says after which time to come
/// again.
pub(super) async fn take_rows(
    days: &Days,
    store: &Store,
    key: Key,
    limit: u32,
    n_rows: usize,
) -> carillon_store::Result<Result<(), Duration>> {
    let now = days.now();
    let surrendered = days.with(key, |lease| lease.surrender(now));
    let (service_id, channel) = key;
    let taken = store::take_rows(store, service_id, channel, limit, n_rows, surrendered).await;
    match taken {
        Ok(Some(count)) => {
            days.with(key, |lease| lease.learn(limit, count, now));
            Ok(Ok(()))
        }
        Ok(None) => {
            days.with(key, |lease| lease.put(surrendered));
            let count = store::today(store, service_id, channel).await?;
            Ok(Err(count.lasts))
        }
        // The rows may be counted, in the place of what was surrendered: that is lost then, for no more
        // than the limit may be accepted.
        Err(error) => Err(error),
    }
}

/// Hands back everything that was not used.
pub(super) async fn hand_back(days: &Days, store: &Store) {
    let mut corrections = Vec::new();
    days.for_each(|key, lease| {
        lease.hand_back();
        corrections.extend(of(key, lease));
        false
    });
    if corrections.is_empty() {
        return;
    }
    let n: i64 = corrections.iter().map(|one| one.correction.n).sum();
    let told = tokio::time::timeout(HANDED_BACK_WITHIN, tell(days, store, corrections)).await;
    match told {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, n, "daily counters are not told the last of it"),
        Err(_) => tracing::warn!(n, "daily counters are not told the last of it in time"),
    }
}
