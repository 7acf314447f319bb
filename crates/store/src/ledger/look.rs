//! Looking at one minute.

use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::lane::Lane;
use carillon_core::ledger::{Entry, Line};
use carillon_core::notification::Status;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    BeginLook = "begin_look.sql" { minute: DateTime<Utc> => Timestamptz }
}
statement! {
    ReadAccepted = "read_accepted.sql" { minute: DateTime<Utc> => Timestamptz }
}
statement! {
    Count = "count.sql" {
        terminal: Vec<Status> => Array<Text>,
        lowest: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
    }
}
statement! {
    CountQuarantined = "count_quarantined.sql" {
        lowest: NotificationId => SqlUuid,
        beyond: NotificationId => SqlUuid,
    }
}
statement! {
    Record = "record.sql" {
        minute: DateTime<Utc> => Timestamptz,
        wait_ms: Option<i64> => Nullable<BigInt>,
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        lanes: Vec<Lane> => Array<Text>,
        entries: Vec<Entry> => Array<Text>,
        details: Vec<String> => Array<Text>,
        counts: Vec<i64> => Array<BigInt>,
    }
}

/// So many of one service and lane.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Found {
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// The lane.
    #[diesel(sql_type = Text)]
    pub lane: Lane,
    /// What they are.
    #[diesel(sql_type = Text)]
    pub entry: Entry,
    /// The reason of what waits, the status of what is terminal.
    #[diesel(sql_type = Text)]
    pub detail: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
}

/// Begins a look: returns what the API counted in the minute. A count that grows from now on leads to
/// another look, and so does a look that is never recorded.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn begin_look(store: &Store, minute: DateTime<Utc>) -> Result<Vec<Found>> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(BeginLook { minute }.execute(&mut conn))
        .await?;
    // A statement of its own, which sees every count that the one before has ticked off.
    store
        .within_deadline(ReadAccepted { minute }.load(&mut conn))
        .await
}

/// Counts what is there of the API's messages with ids from `lowest` to below `beyond`: the rows by
/// where they are, and what is in quarantine instead. The range must be short, for it is read whole.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn count(
    store: &Store,
    lowest: NotificationId,
    beyond: NotificationId,
) -> Result<Vec<Found>> {
    let count = Count {
        terminal: Status::completed(),
        lowest,
        beyond,
    };
    let quarantined = CountQuarantined { lowest, beyond };
    let mut conn = store.connection().await?;
    let mut found: Vec<Found> = store.within_deadline(count.load(&mut conn)).await?;
    let quarantined: Vec<Found> = store.within_deadline(quarantined.load(&mut conn)).await?;
    found.extend(quarantined);
    Ok(found)
}

/// Writes a minute's lines in the place of those of the look before, and when to look again; none
/// means that it is settled.
///
/// # Errors
/// When PostgreSQL is away; the minute is looked at again then.
pub async fn record(
    store: &Store,
    minute: DateTime<Utc>,
    lines: &[Line],
    look_again_after: Option<chrono::Duration>,
) -> Result<()> {
    let mut record = Record {
        minute,
        wait_ms: look_again_after.map(|wait| wait.num_milliseconds()),
        service_ids: Vec::new(),
        lanes: Vec::new(),
        entries: Vec::new(),
        details: Vec::new(),
        counts: Vec::new(),
    };
    for line in lines {
        let (Some(service_id), Some(lane)) = (line.service_id, line.lane) else {
            continue;
        };
        for (entry, detail, n) in line.entries() {
            record.service_ids.push(service_id);
            record.lanes.push(lane);
            record.entries.push(entry);
            record.details.push(detail.to_owned());
            record.counts.push(n);
        }
    }
    let mut conn = store.connection().await?;
    store.within_deadline(record.execute(&mut conn)).await?;
    Ok(())
}
