//! The work: partitions, lanes, what is stranded, what was set aside, and whether secrets open.

use std::time::Duration;

use carillon_core::queue::Queue;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Binary, Date, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    MissingDays = "missing_days.sql" { first: NaiveDate => Date, last: NaiveDate => Date }
}
statement! {
    ReadStranded = "stranded.sql" { grace_ms: i64 => BigInt, patience_ms: i64 => BigInt }
}
statement! {
    ReadLanes = "lanes.sql" {}
}
statement! {
    ReadQuarantined = "quarantined.sql" {}
}
statement! {
    ReadSlots = "finished_slots.sql" {}
}
statement! {
    ReadKeys = "sealed_keys.sql" {}
}

/// Notifications on their way through one queue that nobody is going to deliver.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Stranded {
    /// The queue.
    #[diesel(sql_type = Text)]
    pub queue: Queue,
    /// How many are held by a lease that ran out.
    #[diesel(sql_type = BigInt)]
    pub n_leases: i64,
    /// How many are in no queue, which the lane's watermark proves.
    #[diesel(sql_type = BigInt)]
    pub n_fallen: i64,
}

/// A lane, and when a marker last came out of it.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub struct Lane {
    /// The queue.
    #[diesel(sql_type = Text)]
    pub queue: Queue,
    /// Seconds since.
    #[diesel(sql_type = Double)]
    pub silent_seconds: f64,
}

/// Payloads that were set aside.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Quarantined {
    /// The queue they came from, as the broker names it.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
}

/// A sample of API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedKeys {
    /// How many were read.
    pub n: usize,
    /// How many of them do not open with the configured keys.
    pub n_closed: usize,
}

#[derive(diesel::QueryableByName)]
struct Day {
    #[diesel(sql_type = Date)]
    day: NaiveDate,
}

#[derive(diesel::QueryableByName)]
struct Slot {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Timestamptz)]
    slot: DateTime<Utc>,
}

#[derive(diesel::QueryableByName)]
struct Sealed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Binary)]
    sealed_secret: Vec<u8>,
}

/// The days from `first` to `last`, both included, that lack a partition.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn missing_days(
    store: &Store,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<NaiveDate>> {
    let mut conn = store.connection().await?;
    let days: Vec<Day> = store
        .within_deadline(MissingDays { first, last }.load(&mut conn))
        .await?;
    Ok(days.into_iter().map(|row| row.day).collect())
}

/// What a rescue should have sent on, by queue, queues without any included. `grace` is the one of
/// [`rescue_fallen`](crate::notification::rescue_fallen); `patience` is the time a rescue is given
/// on top of it. Reads the index of rows on their way only.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn stranded(store: &Store, grace: Duration, patience: Duration) -> Result<Vec<Stranded>> {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let statement = ReadStranded {
        grace_ms: millis(grace),
        patience_ms: millis(patience),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.load(&mut conn)).await
}

/// Every lane out of which a marker ever came.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn lanes(store: &Store) -> Result<Vec<Lane>> {
    let mut conn = store.connection().await?;
    store.within_deadline(ReadLanes {}.load(&mut conn)).await
}

/// What was set aside in the last 24 hours, the most frequent first.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn quarantined(store: &Store) -> Result<Vec<Quarantined>> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(ReadQuarantined {}.load(&mut conn))
        .await
}

/// The latest finished slot of each scheduled task, by its name.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn finished_slots(store: &Store) -> Result<Vec<(String, DateTime<Utc>)>> {
    let mut conn = store.connection().await?;
    let slots: Vec<Slot> = store.within_deadline(ReadSlots {}.load(&mut conn)).await?;
    Ok(slots.into_iter().map(|row| (row.name, row.slot)).collect())
}

/// Tries to open a sample of the live API keys: up to fifty of the oldest and of the newest.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn sealed_keys(store: &Store) -> Result<SealedKeys> {
    let mut conn = store.connection().await?;
    let keys: Vec<Sealed> = store.within_deadline(ReadKeys {}.load(&mut conn)).await?;
    let opens = |key: &&Sealed| {
        let opened = store.sealer().open(key.id.as_bytes(), &key.sealed_secret);
        opened.is_ok()
    };
    let n_open = keys.iter().filter(opens).count();
    Ok(SealedKeys {
        n: keys.len(),
        n_closed: keys.len() - n_open,
    })
}
