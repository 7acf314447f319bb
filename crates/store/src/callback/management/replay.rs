//! Telling again what was told, or could not be.

use carillon_core::id::{CallbackEventId, CallbackId, ServiceId};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

/// Which events are told again. One whose telling goes on is left to it.
#[derive(Debug, Clone)]
pub enum Which {
    /// These.
    Events(Vec<CallbackEventId>),
    /// Those of changes since a moment.
    Since {
        /// The moment.
        at: DateTime<Utc>,
        /// Only those that were not delivered.
        only_failed: bool,
    },
}

statement! {
    ReplayEvents = "replay_events.sql" {
        callback_id: CallbackId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        ids: Vec<CallbackEventId> => Array<SqlUuid>,
    }
}

statement! {
    ReplaySince = "replay_since.sql" {
        callback_id: CallbackId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        after: CallbackEventId => SqlUuid,
        at: DateTime<Utc> => Timestamptz,
        only_failed: bool => Bool,
        limit: i32 => Integer,
    }
}

#[derive(diesel::QueryableByName)]
struct Replayed {
    #[diesel(sql_type = BigInt)]
    n_replayed: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    last: Option<CallbackEventId>,
}

/// Has events told again from the first step of the schedule, with the same `webhook-id`; returns
/// how many. Since a moment it goes in batches that each stand by themselves.
///
/// # Errors
/// When PostgreSQL is away: some may then be told again, and repeating it tells only the others.
pub async fn replay(
    store: &Store,
    service_id: ServiceId,
    callback_id: CallbackId,
    which: &Which,
) -> Result<usize> {
    // Events of one statement, few enough for its time limit.
    const BATCH: i32 = 1_000;

    let mut conn = store.connection().await?;
    let (at, only_failed) = match which {
        Which::Events(ids) => {
            let replay = ReplayEvents {
                callback_id,
                service_id,
                ids: ids.clone(),
            };
            return store.within_deadline(replay.execute(&mut conn)).await;
        }
        Which::Since { at, only_failed } => (*at, *only_failed),
    };
    let (mut n_replayed, mut after) = (0, CallbackEventId(Uuid::nil()));
    loop {
        let batch = ReplaySince {
            callback_id,
            service_id,
            after,
            at,
            only_failed,
            limit: BATCH,
        };
        let done: Replayed = store.within_deadline(batch.get_result(&mut conn)).await?;
        n_replayed += usize::try_from(done.n_replayed).unwrap_or_default();
        let Some(last) = done.last else {
            return Ok(n_replayed);
        };
        after = last;
    }
}
