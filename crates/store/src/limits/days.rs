//! The counters of messages by service, day and channel.

use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::daily::{Correction, DayCount};
use chrono::NaiveDate;
use diesel::sql_types::{Array, BigInt, Date, Integer, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Error, Result, Store};

statement! {
    LeaseDays = "lease_days.sql" {
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        channels: Vec<Channel> => Array<Text>,
        limits: Vec<i32> => Array<Integer>,
        wanted: Vec<i32> => Array<Integer>,
    }
}
statement! {
    CorrectDays = "correct_days.sql" {
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        channels: Vec<Channel> => Array<Text>,
        days: Vec<NaiveDate> => Array<Date>,
        corrections: Vec<i64> => Array<BigInt>,
    }
}
statement! {
    TakeRows = "take_rows.sql" {
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        limit: i64 => BigInt,
        n_rows: i64 => BigInt,
        surrendered: i64 => BigInt,
    }
}
statement! {
    Today = "today.sql" { service_id: ServiceId => SqlUuid, channel: Channel => Text }
}

/// What a process asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayAsk {
    /// The tenant.
    pub service_id: ServiceId,
    /// The channel.
    pub channel: Channel,
    /// Messages in a day.
    pub limit: u32,
    /// Messages that are asked for.
    pub wanted: u32,
}

/// What it is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayGrant {
    /// The tenant.
    pub service_id: ServiceId,
    /// The channel.
    pub channel: Channel,
    /// Messages, at most as many as were asked for.
    pub granted: u32,
    /// The counter after it.
    pub count: DayCount,
}

/// What a counter is to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCorrection {
    /// The tenant.
    pub service_id: ServiceId,
    /// The channel.
    pub channel: Channel,
    /// Which day, and how many.
    pub correction: Correction,
}

#[derive(diesel::QueryableByName)]
struct Leased {
    #[diesel(sql_type = SqlUuid)]
    service_id: ServiceId,
    #[diesel(sql_type = Text)]
    channel: Channel,
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    lasts_ms: i64,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

impl Leased {
    fn count(&self) -> DayCount {
        DayCount {
            day: self.day,
            lasts: Duration::from_millis(u64::try_from(self.lasts_ms).unwrap_or(0)),
            n: u64::try_from(self.n).unwrap_or(0),
        }
    }
}

/// Leases for any number of counters of today, each asked for once; the answers are in no particular
/// order. No counter ever exceeds its limit by this.
///
/// # Errors
/// When PostgreSQL is away; what it may have granted stays counted then.
pub async fn lease_days(store: &Store, asks: &[DayAsk]) -> Result<Vec<DayGrant>> {
    let n = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let lease = LeaseDays {
        service_ids: asks.iter().map(|ask| ask.service_id).collect(),
        channels: asks.iter().map(|ask| ask.channel).collect(),
        limits: asks.iter().map(|ask| n(ask.limit)).collect(),
        wanted: asks.iter().map(|ask| n(ask.wanted)).collect(),
    };
    let mut conn = store.connection().await?;
    let leased: Vec<Leased> = store.within_deadline(lease.load(&mut conn)).await?;
    let grant = |leased: &Leased| DayGrant {
        service_id: leased.service_id,
        channel: leased.channel,
        granted: u32::try_from(leased.granted).unwrap_or(0),
        count: leased.count(),
    };
    Ok(leased.iter().map(grant).collect())
}

/// Adds to counters what they do not know, each named once with each day.
///
/// # Errors
/// When PostgreSQL is away; whoever says it again may have it counted twice.
pub async fn correct_days(store: &Store, corrections: &[DayCorrection]) -> Result<()> {
    if corrections.is_empty() {
        return Ok(());
    }
    let correct = CorrectDays {
        service_ids: corrections.iter().map(|one| one.service_id).collect(),
        channels: corrections.iter().map(|one| one.channel).collect(),
        days: corrections.iter().map(|one| one.correction.day).collect(),
        corrections: corrections.iter().map(|one| one.correction.n).collect(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(correct.execute(&mut conn)).await?;
    Ok(())
}

/// Counts so many messages of today at once, or none of them; the counter after it if they are
/// counted. What the caller holds of a lease and `surrenders` is taken off it then.
///
/// # Errors
/// When PostgreSQL is away; they may be counted all the same.
pub async fn take_rows(
    store: &Store,
    service_id: ServiceId,
    channel: Channel,
    limit: u32,
    n_rows: usize,
    surrendered: u32,
) -> Result<Option<DayCount>> {
    let take = TakeRows {
        service_id,
        channel,
        limit: limit.into(),
        n_rows: i64::try_from(n_rows).unwrap_or(i64::MAX),
        surrendered: surrendered.into(),
    };
    let mut conn = store.connection().await?;
    let taken: Vec<Leased> = store.within_deadline(take.load(&mut conn)).await?;
    Ok(taken.as_slice().first().map(Leased::count))
}

/// The counter of today.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn today(store: &Store, service_id: ServiceId, channel: Channel) -> Result<DayCount> {
    let mut conn = store.connection().await?;
    let today = Today {
        service_id,
        channel,
    };
    let counted: Vec<Leased> = store.within_deadline(today.load(&mut conn)).await?;
    counted
        .as_slice()
        .first()
        .map(Leased::count)
        .ok_or(Error::Gone)
}
