//! Asking for more messages of the day, for all services that run out at the same time; telling the
//! counters what was accepted without asking, and what was leased and not used.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::daily::DailyLease;
use carillon_store::Store;
use carillon_store::limits::{self as store, DayAsk, DayShare, Turn, lease_days};
use chrono::NaiveDate;
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::away::{Away, WITHIN};
use super::book::{Ask, Book, Lease};

type Key = (ServiceId, Channel);

/// Leases by service and channel.
pub(super) struct Days {
    pub book: Book<Key, DailyLease>,
    /// Who this process is to the counters.
    process: Uuid,
    /// The number of the last statement. One goes at a time, until its answer is heard: the next would
    /// tell a share without what this one is granted.
    turn: Mutex<i64>,
}

impl Default for Days {
    fn default() -> Self {
        Self {
            book: Book::default(),
            process: carillon_core::id::mint(),
            turn: Mutex::default(),
        }
    }
}

/// The turn of one statement, until it is dropped.
struct OneTurn<'a> {
    turn: Turn,
    _others_wait: MutexGuard<'a, i64>,
}

impl Days {
    async fn turn(&self) -> OneTurn<'_> {
        let mut number = self.turn.lock().await;
        *number += 1;
        let turn = Turn {
            process: self.process,
            number: *number,
        };
        OneTurn {
            turn,
            _others_wait: number,
        }
    }
}

impl Lease for DailyLease {
    fn give_back(&mut self) {
        Self::give_back(self);
    }
}

/// How often is looked for what was not used for a while.
const REST_EVERY: Duration = Duration::from_secs(15);
/// How long a mailing waits for its turn and its answer. What single sends ask for may have to wait
/// behind it, and their time ends with `LATEST`.
const ROWS_WITHIN: Duration = Duration::from_millis(800);
/// How long the end of the process may wait for PostgreSQL to take back what was not used.
const HANDED_BACK_WITHIN: Duration = Duration::from_secs(3);

/// Asks until it is ended.
pub(super) async fn ask(days: Arc<Days>, store: Store, ended: CancellationToken) {
    let mut away = Away::of("daily");
    let mut rest = tokio::time::interval(REST_EVERY);
    loop {
        let asks = tokio::select! {
            asks = days.book.asks() => asks,
            _ = rest.tick() => {
                if rest_and_see(&days) {
                    let turn = days.turn().await;
                    away.note(tokio::time::timeout(WITHIN, tell(&days, &store, &turn)).await);
                }
                continue;
            }
            () = ended.cancelled() => break,
        };
        // A mailing that has its turn says nothing of PostgreSQL, and is soon over.
        let turn = days.turn().await;
        let leased = tokio::time::timeout(WITHIN, lease(&days, &store, &turn, &asks)).await;
        drop(turn);
        if away.note(leased).is_none() {
            for ask in &asks {
                let failed = |lease: &mut DailyLease, now| lease.failed(today(), now);
                days.book.answer(ask, failed);
            }
        }
    }
}

/// The host's day of UTC.
pub(super) fn today() -> NaiveDate {
    carillon_core::clock::now().date_naive()
}

/// The counters learn with it what was accepted without them: what is granted is of what is left then.
async fn lease(
    days: &Days,
    store: &Store,
    turn: &OneTurn<'_>,
    asks: &[Ask<Key>],
) -> carillon_store::Result<()> {
    let shares: Vec<DayShare> = asks
        .iter()
        .flat_map(|ask| {
            days.book
                .with(ask.key, |lease| shares(ask.key, lease, true))
        })
        .collect();
    let wanted: Vec<DayAsk> = asks
        .iter()
        .map(|ask| DayAsk {
            service_id: ask.key.0,
            channel: ask.key.1,
            limit: ask.limit,
            wanted: ask.wanted,
        })
        .collect();
    let grants = lease_days(store, turn.turn, &shares, &wanted).await?;
    told(days, &shares);
    let grants: HashMap<_, _> = grants
        .into_iter()
        .map(|grant| ((grant.service_id, grant.channel), grant))
        .collect();
    for ask in asks {
        days.book
            .answer(ask, |lease, now| match grants.get(&ask.key) {
                Some(grant) => lease.answered(grant.granted, grant.count, now),
                None => lease.failed(today(), now),
            });
    }
    Ok(())
}

/// Services that went quiet hand back what they hold; whether there is something to tell, from them or
/// from before.
fn rest_and_see(days: &Days) -> bool {
    let (now, today) = (days.book.now(), today());
    let mut is_any_untold = false;
    days.book.for_each(|_, lease| {
        let is_done = lease.rest(today, now);
        is_any_untold |= lease.is_untold();
        is_done
    });
    is_any_untold
}

/// Tells the counters what they do not know.
async fn tell(days: &Days, store: &Store, turn: &OneTurn<'_>) -> carillon_store::Result<()> {
    let mut untold = Vec::new();
    days.book.for_each(|key, lease| {
        untold.extend(shares(key, lease, false));
        false
    });
    lease_days(store, turn.turn, &untold, &[]).await?;
    told(days, &untold);
    Ok(())
}

fn shares((service_id, channel): Key, lease: &mut DailyLease, with_an_ask: bool) -> Vec<DayShare> {
    let shares = lease.tell(with_an_ask).into_iter();
    shares
        .map(|share| DayShare {
            service_id,
            channel,
            share,
        })
        .collect()
}

fn told(days: &Days, shares: &[DayShare]) {
    for one in shares {
        let key = (one.service_id, one.channel);
        days.book.with(key, |lease| lease.told(one.share));
    }
}

/// Takes many at once, past the lease, but for what is unused of it. Returns of which day, or after
/// which time to come again.
pub(super) async fn take_rows(
    days: &Days,
    store: &Store,
    key: Key,
    limit: u32,
    n_rows: u32,
) -> carillon_store::Result<Result<NaiveDate, Duration>> {
    let taking = take_in_turn(days, store, key, limit, n_rows);
    let Ok(taken) = tokio::time::timeout(ROWS_WITHIN, taking).await else {
        let what = "the counter of the day did not answer in time".to_owned();
        return Err(carillon_store::Error::Unavailable(what));
    };
    if let Some(day) = taken? {
        return Ok(Ok(day));
    }
    let (service_id, channel) = key;
    let count = store::today(store, service_id, channel).await?;
    Ok(Err(count.lasts))
}

/// The day of which they are taken; none if they are more than it has left.
///
/// Without an answer, or cancelled while it waits for one, nothing is put back: the rows may be counted
/// in the place of it until the counter is told that they are none.
async fn take_in_turn(
    days: &Days,
    store: &Store,
    key: Key,
    limit: u32,
    n_rows: u32,
) -> carillon_store::Result<Option<NaiveDate>> {
    let turn = days.turn().await;
    let now = days.book.now();
    let (surrendered, shares) = days.book.with(key, |lease| {
        let surrendered = lease.surrender(today(), now);
        (surrendered, lease.tell(true))
    });
    let (service_id, channel) = key;
    let ask = DayAsk {
        service_id,
        channel,
        limit,
        wanted: n_rows,
    };
    let Some(count) = store::take_rows(store, turn.turn, ask, &shares).await? else {
        days.book.with(key, |lease| lease.put(surrendered));
        return Ok(None);
    };
    days.book.with(key, |lease| {
        let of_day = shares.into_iter().filter(|share| share.day == count.day);
        of_day.for_each(|share| lease.told(share));
        lease.took(n_rows, limit, count, now);
    });
    Ok(Some(count.day))
}

/// Hands back everything that was not used.
pub(super) async fn hand_back(days: &Days, store: &Store) {
    let mut is_any_untold = false;
    days.book.for_each(|_, lease| {
        lease.hand_back();
        is_any_untold |= lease.is_untold();
        false
    });
    if !is_any_untold {
        return;
    }
    let telling = async { tell(days, store, &days.turn().await).await };
    match tokio::time::timeout(HANDED_BACK_WITHIN, telling).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "daily counters are not told the last of it"),
        Err(_) => tracing::warn!("daily counters are not told the last of it in time"),
    }
}
