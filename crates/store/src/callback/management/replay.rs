//! Telling again what was told, or could not be.

use carillon_core::id::{CallbackEventId, CallbackId, ServiceId};
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use super::events::reach;
use crate::wake::{self, Channel};
use crate::{Result, Store};

/// Which events are told again. One whose telling goes on is left to it.
#[derive(Debug, Clone)]
pub enum Which {
    /// These.
    Events(Vec<CallbackEventId>),
    /// Those of changes that we learnt of since a moment, about messages accepted no longer than
    /// [`REACH`](super::REACH) before it.
    Since {
        /// The moment.
        at: DateTime<Utc>,
        /// Only those that were not delivered.
        only_failed: bool,
    },
}

statement! {
    ReplayEvents = "replay_events.sql" {
        ids: Vec<CallbackEventId> => Array<SqlUuid>,
        callback_id: CallbackId => SqlUuid,
        service_id: ServiceId => SqlUuid,
    }
}

statement! {
    ReplaySince = "replay_since.sql" {
        at: DateTime<Utc> => Timestamptz,
        only_failed: bool => Bool,
        callback_id: CallbackId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        after: CallbackEventId => SqlUuid,
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

/// Has events told again from the first step of the schedule, with the same `webhook-id`, and wakes
/// the poller; returns how many. Since a moment it goes in batches that each stand by themselves.
///
/// # Errors
/// When PostgreSQL is away: some may then be told again, and repeating it tells only the others.
pub async fn replay(
    store: &Store,
    service_id: ServiceId,
    callback_id: CallbackId,
    which: &Which,
) -> Result<usize> {
    let n_replayed = match which {
        Which::Events(ids) => {
            let replay = ReplayEvents {
                ids: ids.clone(),
                callback_id,
                service_id,
            };
            let mut conn = store.connection().await?;
            store.within_deadline(replay.execute(&mut conn)).await?
        }
        Which::Since { at, only_failed } => {
            since(store, (service_id, callback_id), *at, *only_failed).await?
        }
    };
    // A lost notification costs an interval of the poller, and what is told again is told anyhow.
    let _ = wake::notify(store, Channel::CallbackEvents).await;
    Ok(n_replayed)
}

async fn since(
    store: &Store,
    (service_id, callback_id): (ServiceId, CallbackId),
    at: DateTime<Utc>,
    only_failed: bool,
) -> Result<usize> {
    // Events that one statement looks at, few enough for its time limit.
    const BATCH: i32 = 2_000;

    let (mut n_replayed, mut after) = (0, reach(at));
    let mut conn = store.connection().await?;
    loop {
        let batch = ReplaySince {
            at,
            only_failed,
            callback_id,
            service_id,
            after,
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
