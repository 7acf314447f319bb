//! How fast providers are, and moving their weights.

use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_core::provider::balance::{LOOKED_AT, Reweighed, SLOW_AFTER, Speed, Weighed};
use carillon_schema::providers;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::change::lock_all;
use super::history::note;
use super::{By, Provider};
use crate::{Error, Result, Store, health};

statement! {
    Speeds = "speeds.sql" {
        now: DateTime<Utc> => Timestamptz,
        slow_after_ms: i64 => BigInt,
        statuses: Vec<Status> => Array<Text>,
        since: NotificationId => SqlUuid,
        before: NotificationId => SqlUuid,
    }
}

statement! {
    WithIt = "with_it.sql" {
        since: NotificationId => SqlUuid,
        before: NotificationId => SqlUuid,
        statuses: Vec<Status> => Array<Text>,
        name: String => Text,
    }
}

#[derive(diesel::QueryableByName)]
struct SpeedRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    n_messages: i64,
    #[diesel(sql_type = BigInt)]
    n_slow: i64,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Ids are minted by hosts whose clocks may be ahead of the database's.
const AHEAD: TimeDelta = TimeDelta::hours(1);
/// How far back messages are looked for that a provider still has.
const REACH: TimeDelta = TimeDelta::hours(24);

/// How fast each provider was with the messages accepted in the last [`LOOKED_AT`]: those that were
/// delivered, and those that may still be. Messages of test keys do not count.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn speeds(store: &Store) -> Result<Vec<Speed>> {
    let now = health::now(store).await?;
    let speeds = Speeds {
        now,
        slow_after_ms: SLOW_AFTER.num_milliseconds(),
        statuses: vec![Status::Delivered, Status::Pending, Status::Sending],
        since: NotificationId::lower_bound(now - LOOKED_AT),
        before: NotificationId::lower_bound(now + AHEAD),
    };
    let mut conn = store.connection().await?;
    let rows: Vec<SpeedRow> = store.within_deadline(speeds.load(&mut conn)).await?;
    let speed = |row: SpeedRow| Speed {
        name: row.name,
        n_messages: row.n_messages,
        n_slow: row.n_slow,
    };
    Ok(rows.into_iter().map(speed).collect())
}

/// How many messages accepted in the last day a provider has and has not reported the end of. No
/// index knows providers, so a whole day is read: for people, not for loops.
///
/// # Errors
/// When PostgreSQL is away, or the day is too long to be read in time.
pub async fn n_with_it(store: &Store, name: &str) -> Result<i64> {
    let now = health::now(store).await?;
    let with_it = WithIt {
        since: NotificationId::lower_bound(now - REACH),
        before: NotificationId::lower_bound(now + AHEAD),
        statuses: vec![Status::Pending, Status::Sending],
        name: name.to_owned(),
    };
    let mut conn = store.connection().await?;
    let counts: Vec<Count> = store.within_deadline(with_it.load(&mut conn)).await?;
    Ok(counts.into_iter().next().map_or(0, |count| count.n))
}

/// Moves weights as `decide` says of what it is given under a lock, so that no change in between is
/// overruled. Where they rest stays. Returns what has moved.
///
/// # Errors
/// When PostgreSQL is away; nothing has moved then.
pub async fn reweigh(
    store: &Store,
    actor: &str,
    decide: impl FnOnce(&[Weighed], DateTime<Utc>) -> Vec<Reweighed> + Send,
) -> Result<Vec<Reweighed>> {
    let mut conn = store.connection().await?;
    let change = conn.transaction(async |conn| {
        let all = lock_all(conn).await?;
        let now = diesel::select(super::carillon_now())
            .get_result(conn)
            .await?;
        let weighed: Vec<_> = all.iter().map(Weighed::from).collect();
        let decided = decide(&weighed, now);
        for Reweighed {
            name,
            weight,
            reason,
        } in &decided
        {
            let before = all.iter().find(|one| one.name == *name);
            let after = diesel::update(providers::table.find(name))
                .set((
                    providers::weight.eq(weight),
                    providers::updated_at.eq(super::carillon_now()),
                ))
                .returning(Provider::as_returning())
                .get_result(conn)
                .await?;
            let by = By {
                actor,
                reason: Some(reason),
            };
            note(conn, by, before, Some(&after)).await?;
        }
        Ok::<_, Error>(decided)
    });
    store.within_deadline(change).await
}

impl From<&Provider> for Weighed {
    fn from(provider: &Provider) -> Self {
        Self {
            name: provider.name.clone(),
            channel: provider.channel,
            active: provider.active,
            weight: provider.weight,
            resting_weight: provider.resting_weight,
            changed_at: provider.updated_at,
        }
    }
}
