//! Receipts that came before what they speak of was saved: parked, brought back with growing waits,
//! and set aside after an hour.
//!
//! A parked receipt is removed by the statement that applies it and by nothing else, so that no
//! crash loses one.

use std::time::Duration;

use carillon_core::queue::{Queue, RECEIPTS};
use carillon_core::reason::QuarantineReason;
use carillon_core::receipt::Receipt;
use carillon_core::task::{ApplyReceipts, Task};
use diesel::sql_types::{Array, BigInt, Jsonb, Text};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{Error, Result, Store};

/// The wait before a receipt is first brought back; it doubles from try to try.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A receipt that names nothing for so long will never do.
pub const PATIENCE: Duration = Duration::from_secs(3_600);

statement! {
    Park = "parked_receipt/park.sql" {
        providers: Vec<String> => Array<Text>,
        event_ids: Vec<String> => Array<Text>,
        receipts: Vec<Value> => Array<Jsonb>,
        queue: Queue => Text,
        wait_ms: i64 => BigInt,
    }
}
statement! {
    TakeDue = "parked_receipt/take_due.sql" {
        queues: Vec<Queue> => Array<Text>,
        limit: i64 => BigInt,
        longest_ms: i64 => BigInt,
        first_ms: i64 => BigInt,
    }
}
statement! {
    GiveUp = "parked_receipt/give_up.sql" {
        patience_ms: i64 => BigInt,
        task: String => Text,
        reason: QuarantineReason => Text,
        detail: String => Text,
        limit: i64 => BigInt,
    }
}

/// A parked receipt that is to be published again.
#[derive(Debug, diesel::QueryableByName)]
pub struct Due {
    /// Where it came from.
    #[diesel(sql_type = Text)]
    pub queue: Queue,
    /// The receipt, as it was written.
    #[diesel(sql_type = Jsonb)]
    pub receipt: Value,
}

/// Parks receipts of one queue; returns how many were not parked before.
///
/// # Errors
/// When PostgreSQL is away: the receipts must stay in their queue. [`Error::Refused`] when it will
/// never take one of them; none is parked then.
pub async fn park(store: &Store, queue: Queue, receipts: &[&Receipt]) -> Result<usize> {
    let as_json = |receipt: &&Receipt| serde_json::to_value(receipt);
    let park = Park {
        providers: receipts.iter().map(|r| r.provider.clone()).collect(),
        event_ids: receipts.iter().map(|r| r.event_id.clone()).collect(),
        receipts: receipts
            .iter()
            .map(as_json)
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| Error::Refused(error.to_string()))?,
        queue,
        wait_ms: millis(FIRST_WAIT),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(park.execute(&mut conn)).await
}

/// Up to `limit` receipts whose wait is over. The next try of each is already noted: the caller
/// publishes them, and if it cannot, they come again by themselves.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn take_due(store: &Store, limit: i64) -> Result<Vec<Due>> {
    let mut conn = store.connection().await?;
    let take = TakeDue {
        queues: RECEIPTS.to_vec(),
        limit,
        longest_ms: millis(LONGEST_WAIT),
        first_ms: millis(FIRST_WAIT),
    };
    store.within_deadline(take.load(&mut conn)).await
}

/// Moves up to `limit` receipts that were parked for [`PATIENCE`] to quarantine; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn give_up(store: &Store, limit: i64) -> Result<usize> {
    let mut conn = store.connection().await?;
    let give_up = GiveUp {
        patience_ms: millis(PATIENCE),
        task: ApplyReceipts::NAME.to_owned(),
        reason: QuarantineReason::UnknownNotification,
        detail: "parked and tried again for an hour".to_owned(),
        limit,
    };
    store.within_deadline(give_up.execute(&mut conn)).await
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
