//! The counters of messages by service, day and channel.
//!
//! Each process says how much of a counter is its own share, in statements that it numbers. So one that
//! is repeated changes nothing, and one that comes too late is left out.

use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::daily::{DayCount, Share};
use chrono::NaiveDate;
use diesel::sql_types::{Array, BigInt, Bool, Date, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Error, Result, Store};

statement! {
    LeaseDays = "lease_days.sql" {
        process: String => Text,
        number: i64 => BigInt,
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        channels: Vec<Channel> => Array<Text>,
        days: Vec<NaiveDate> => Array<Date>,
        shares: Vec<i64> => Array<BigInt>,
        are_told: Vec<bool> => Array<Bool>,
        asking: Vec<ServiceId> => Array<SqlUuid>,
        channels_asked: Vec<Channel> => Array<Text>,
        limits: Vec<i64> => Array<BigInt>,
        wanted: Vec<i64> => Array<BigInt>,
    }
}
statement! {
    TakeRows = "take_rows.sql" {
        process: String => Text,
        number: i64 => BigInt,
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        limit: i64 => BigInt,
        n_rows: i64 => BigInt,
        days: Vec<NaiveDate> => Array<Date>,
        shares: Vec<i64> => Array<BigInt>,
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

/// What a counter is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayShare {
    /// The tenant.
    pub service_id: ServiceId,
    /// The channel.
    pub channel: Channel,
    /// Which day, and how many.
    pub share: Share,
}

/// Whose statement it is, and the how manieth. What is said in one holds until a later one of the same
/// process says otherwise, in whichever order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// One run of a process.
    pub process: Uuid,
    /// From 1 on.
    pub number: i64,
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

/// Tells counters the shares of a process, each named once with each day, and leases for any number of
/// counters of today, each asked for once; the answers are in no particular order. Every share of a
/// counter that is asked for is to be told, or it is taken for none. No counter exceeds its limit by
/// what is granted.
///
/// # Errors
/// When PostgreSQL is away. It may have come to pass, or still do, until the shares are told again.
pub async fn lease_days(
    store: &Store,
    turn: Turn,
    shares: &[DayShare],
    asks: &[DayAsk],
) -> Result<Vec<DayGrant>> {
    let lease = LeaseDays {
        process: turn.process.to_string(),
        number: turn.number,
        service_ids: shares.iter().map(|one| one.service_id).collect(),
        channels: shares.iter().map(|one| one.channel).collect(),
        days: shares.iter().map(|one| one.share.day).collect(),
        shares: shares.iter().map(|one| n_of(&one.share)).collect(),
        are_told: shares.iter().map(|one| one.share.is_told).collect(),
        asking: asks.iter().map(|ask| ask.service_id).collect(),
        channels_asked: asks.iter().map(|ask| ask.channel).collect(),
        limits: asks.iter().map(|ask| ask.limit.into()).collect(),
        wanted: asks.iter().map(|ask| ask.wanted.into()).collect(),
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

/// Counts so many messages of today for a process at once, or none of them; the counter after it if
/// they are counted, which then knows its share of that day.
///
/// # Errors
/// As for [`lease_days`].
pub async fn take_rows(
    store: &Store,
    turn: Turn,
    ask: DayAsk,
    shares: &[Share],
) -> Result<Option<DayCount>> {
    let take = TakeRows {
        process: turn.process.to_string(),
        number: turn.number,
        service_id: ask.service_id,
        channel: ask.channel,
        limit: ask.limit.into(),
        n_rows: ask.wanted.into(),
        days: shares.iter().map(|share| share.day).collect(),
        shares: shares.iter().map(n_of).collect(),
    };
    let mut conn = store.connection().await?;
    let taken: Vec<Leased> = store.within_deadline(take.load(&mut conn)).await?;
    Ok(taken.as_slice().first().map(Leased::count))
}

fn n_of(share: &Share) -> i64 {
    i64::try_from(share.n).unwrap_or(i64::MAX)
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
