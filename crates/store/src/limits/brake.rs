//! Stopping a service's e-mail, letting it go on, and sending on what was held.

use carillon_core::id::ServiceId;
use carillon_core::limits::bounces::Bounces;
use carillon_core::reason::Reason;
use carillon_schema::service_brakes;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use crate::{Result, Store};

statement! {
    Pull = "brake.sql" {
        service_id: ServiceId => SqlUuid,
        sent: i64 => BigInt,
        hard_bounced: i64 => BigInt,
    }
}
statement! {
    LetGo = "release.sql" {
        service_id: ServiceId => SqlUuid,
        released_by: String => Text,
        reason: String => Text,
    }
}
statement! {
    ToRelease = "to_release.sql" {}
}
statement! {
    ReleaseRows = "release_rows.sql" {
        service_id: ServiceId => SqlUuid,
        reason: Reason => Text,
        limit: i64 => BigInt,
    }
}
statement! {
    RowsAreReleased = "rows_are_released.sql" {
        service_id: ServiceId => SqlUuid,
        braked_at: DateTime<Utc> => Timestamptz,
    }
}

/// One time that a service's e-mail was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Serialize)]
pub struct Brake {
    /// Since when.
    pub braked_at: DateTime<Utc>,
    /// What had been sent in the 24 hours before …
    pub sent: i64,
    /// … and what had bounced.
    pub hard_bounced: i64,
    /// Until when.
    pub released_at: Option<DateTime<Utc>>,
    /// By whom it was released: `api` or `cli`.
    pub released_by: Option<String>,
    /// And why.
    pub release_reason: Option<String>,
}

/// A brake that was released and may hold something still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct Release {
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// Which of its brakes.
    #[diesel(sql_type = Timestamptz)]
    pub braked_at: DateTime<Utc>,
    /// Whether no worker holds anything back any more that did not know of the release.
    #[diesel(sql_type = Bool)]
    pub is_known_to_all: bool,
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Stops a service's e-mail for what bounced; whether it was not stopped before.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn brake(store: &Store, service_id: ServiceId, bounces: Bounces) -> Result<bool> {
    let pull = Pull {
        service_id,
        sent: bounces.sent,
        hard_bounced: bounces.hard_bounced,
    };
    let mut conn = store.connection().await?;
    Ok(store.within_deadline(pull.execute(&mut conn)).await? > 0)
}

/// Lets a service's e-mail go on and counts its bounces anew; whether it was stopped. What was held is
/// sent on by the poller ([`to_release`]).
///
/// # Errors
/// When PostgreSQL is away.
pub async fn release(
    store: &Store,
    service_id: ServiceId,
    released_by: &str,
    reason: &str,
) -> Result<bool> {
    let let_go = LetGo {
        service_id,
        released_by: released_by.to_owned(),
        reason: reason.to_owned(),
    };
    let mut conn = store.connection().await?;
    let released: Vec<Counted> = store.within_deadline(let_go.load(&mut conn)).await?;
    Ok(released.iter().any(|released| released.n > 0))
}

/// The last times that a service's e-mail was stopped, newest first.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn brakes_of(store: &Store, service_id: ServiceId, limit: i64) -> Result<Vec<Brake>> {
    let mut conn = store.connection().await?;
    let select = service_brakes::table
        .filter(service_brakes::service_id.eq(service_id))
        .order(service_brakes::braked_at.desc())
        .limit(limit)
        .select((
            service_brakes::braked_at,
            service_brakes::sent,
            service_brakes::hard_bounced,
            service_brakes::released_at,
            service_brakes::released_by,
            service_brakes::release_reason,
        ));
    store.within_deadline(select.load(&mut conn)).await
}

/// Brakes that were released, of which not everything is known to be sent on.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn to_release(store: &Store) -> Result<Vec<Release>> {
    let mut conn = store.connection().await?;
    store.within_deadline(ToRelease {}.load(&mut conn)).await
}

/// Makes up to `limit` messages due that a brake held of a service; how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn release_rows(store: &Store, service_id: ServiceId, limit: i64) -> Result<usize> {
    let release = ReleaseRows {
        service_id,
        reason: Reason::BounceBrake,
        limit,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(release.execute(&mut conn)).await
}

/// Notes that a brake holds nothing any more.
///
/// # Errors
/// When PostgreSQL is away; it is then looked at again.
pub async fn rows_are_released(store: &Store, release: &Release) -> Result<()> {
    let mut conn = store.connection().await?;
    let released = RowsAreReleased {
        service_id: release.service_id,
        braked_at: release.braked_at,
    };
    store.within_deadline(released.execute(&mut conn)).await?;
    Ok(())
}
