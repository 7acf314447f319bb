//! Which minutes are to be looked at, and until when inboxes are proved to be empty.

use carillon_core::id::NotificationId;
use carillon_core::lane::Lane;
use carillon_core::ledger;
use carillon_core::queue::INBOXES;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    SeeLanes = "see_lanes.sql" {
        held_ms: i64 => BigInt,
        lanes: Vec<Lane> => Array<Text>,
        queues: Vec<carillon_core::queue::Queue> => Array<Text>,
    }
}
statement! {
    ReadLanes = "read_lanes.sql" {}
}
statement! {
    LookedFrom = "looked_from.sql" {}
}
statement! {
    FirstSaved = "first_saved.sql" { lowest: NotificationId => SqlUuid, beyond: NotificationId => SqlUuid }
}
statement! {
    Minutes = "minutes.sql" {
        from: DateTime<Utc> => Timestamptz,
        until: DateTime<Utc> => Timestamptz,
        limit: i64 => BigInt,
    }
}
statement! {
    Checked = "checked.sql" { until: DateTime<Utc> => Timestamptz }
}

#[derive(diesel::QueryableByName)]
struct Emptied {
    #[diesel(sql_type = Text)]
    lane: Lane,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    until: Option<DateTime<Utc>>,
}

#[derive(diesel::QueryableByName)]
struct Moment {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

#[derive(diesel::QueryableByName)]
struct Saved {
    #[diesel(sql_type = SqlUuid)]
    id: NotificationId,
}

/// Until when everything put into the inboxes of each lane has been taken out and is in no worker's
/// hands any more: the oldest of their watermarks, as it was seen [`ledger::HELD_WITHIN`] ago. A
/// lane is not among them before each of its inboxes was proved to be consumed.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn empty_inboxes(store: &Store) -> Result<Vec<(Lane, DateTime<Utc>)>> {
    let see = SeeLanes {
        held_ms: ledger::HELD_WITHIN.num_milliseconds(),
        lanes: INBOXES.iter().map(|inbox| inbox.lane()).collect(),
        queues: INBOXES.to_vec(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(see.execute(&mut conn)).await?;
    let lanes: Vec<Emptied> = store.within_deadline(ReadLanes {}.load(&mut conn)).await?;
    let known = lanes.into_iter();
    Ok(known
        .filter_map(|emptied| Some((emptied.lane, emptied.until?)))
        .collect())
}

/// Minutes before `until` that are to be looked at, oldest first: those whose counts have grown,
/// those due again, and those with rows that were never looked at. More may be left when there are
/// `limit` of them.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn minutes(
    store: &Store,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DateTime<Utc>>> {
    let mut conn = store.connection().await?;
    let from: Moment = store
        .within_deadline(LookedFrom {}.get_result(&mut conn))
        .await?;
    // An installation may have been quiet for days: what has no row is passed over at once.
    let bound = NotificationId::lower_bound;
    let first = FirstSaved {
        lowest: bound(from.at),
        beyond: bound(until),
    };
    let first: Vec<Saved> = store.within_deadline(first.load(&mut conn)).await?;
    let first = first.into_iter().find_map(|saved| saved.id.time());
    let statement = Minutes {
        from: first.map_or(until, ledger::minute_of),
        until,
        limit,
    };
    let minutes: Vec<Moment> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(minutes.into_iter().map(|minute| minute.at).collect())
}

/// Notes that every minute before `until` has been looked at.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn checked(store: &Store, until: DateTime<Utc>) -> Result<()> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(Checked { until }.execute(&mut conn))
        .await?;
    Ok(())
}
