//! What the processes of the API have accepted.

use carillon_core::id::ServiceId;
use carillon_core::lane::Lane;
use carillon_core::ledger::Key;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    WriteAccepted = "write_accepted.sql" {
        process: Uuid => SqlUuid,
        minutes: Vec<DateTime<Utc>> => Array<Timestamptz>,
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        lanes: Vec<Lane> => Array<Text>,
        counts: Vec<i64> => Array<BigInt>,
        counts_before: Vec<i64> => Array<BigInt>,
    }
}

/// Writes counts of one process, each whole and with how much of it was written before; writing
/// them again changes nothing. Of a minute that was rolled up meanwhile only the rest is written.
///
/// # Errors
/// When PostgreSQL is away; they are to be written again.
pub async fn write_accepted(
    store: &Store,
    process: Uuid,
    counts: &[(Key, i64, i64)],
) -> Result<()> {
    fn column<T>(counts: &[(Key, i64, i64)], of: impl Fn(&(Key, i64, i64)) -> T) -> Vec<T> {
        counts.iter().map(of).collect()
    }
    let write = WriteAccepted {
        process,
        minutes: column(counts, |(key, ..)| key.minute),
        service_ids: column(counts, |(key, ..)| key.service_id),
        lanes: column(counts, |(key, ..)| key.lane),
        counts: column(counts, |(_, n, _)| *n),
        counts_before: column(counts, |(_, _, before)| *before),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(write.execute(&mut conn)).await?;
    Ok(())
}
