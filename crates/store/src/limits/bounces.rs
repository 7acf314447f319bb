//! What was sent and what bounced, by service and hour.
//!
//! The statements that mark results and apply receipts note it in `email_tallies`, exactly once for
//! each message and receipt and without an index to keep; here it is added up. Nothing reads messages
//! for it: those of a job may be saved and sent long after the time in their ids, and a bounce may
//! come days later, so a range of ids would have to be read again and again.

use carillon_core::id::ServiceId;
use carillon_core::limits::bounces::Bounces;
use diesel::sql_types::{BigInt, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    RollUp = "roll_up.sql" { limit: i64 => BigInt }
}
statement! {
    Bouncing = "bouncing.sql" { least: i64 => BigInt }
}
statement! {
    BouncesOf = "bounces_of.sql" { service_id: ServiceId => SqlUuid }
}
statement! {
    NoteWarning = "note_warning.sql" { service_id: ServiceId => SqlUuid }
}
statement! {
    ForgetDays = "forget_days.sql" {}
}
statement! {
    ForgetHours = "forget_hours.sql" {}
}

#[derive(diesel::QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    service_id: ServiceId,
    #[diesel(sql_type = BigInt)]
    sent: i64,
    #[diesel(sql_type = BigInt)]
    hard_bounced: i64,
    #[diesel(sql_type = Bool)]
    is_braked: bool,
}

/// The last 24 hours of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfService {
    /// The tenant.
    pub service_id: ServiceId,
    /// What was sent and what bounced.
    pub bounces: Bounces,
    /// Whether its e-mail is stopped already.
    pub is_braked: bool,
}

/// Adds up to `limit` tallies to their hours; how many there were.
///
/// # Errors
/// When PostgreSQL is away; nothing is lost then.
pub async fn roll_up(store: &Store, limit: i64) -> Result<i64> {
    let mut conn = store.connection().await?;
    let rolled: Vec<Counted> = store
        .within_deadline(RollUp { limit }.load(&mut conn))
        .await?;
    Ok(rolled.as_slice().first().map_or(0, |rolled| rolled.n))
}

/// The services that sent at least so many e-mails in the last 24 hours.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn bouncing(store: &Store, least: u32) -> Result<Vec<OfService>> {
    let bouncing = Bouncing {
        least: least.into(),
    };
    let mut conn = store.connection().await?;
    let rows: Vec<Row> = store.within_deadline(bouncing.load(&mut conn)).await?;
    let of = |row: Row| OfService {
        service_id: row.service_id,
        bounces: Bounces {
            sent: row.sent,
            hard_bounced: row.hard_bounced,
        },
        is_braked: row.is_braked,
    };
    Ok(rows.into_iter().map(of).collect())
}

/// The last 24 hours of one service.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn bounces_of(store: &Store, service_id: ServiceId) -> Result<Bounces> {
    let mut conn = store.connection().await?;
    let of = BouncesOf { service_id };
    let rows: Vec<Row> = store.within_deadline(of.load(&mut conn)).await?;
    Ok(rows
        .as_slice()
        .first()
        .map_or_else(Bounces::default, |row| Bounces {
            sent: row.sent,
            hard_bounced: row.hard_bounced,
        }))
}

/// Notes that a service was warned in this hour; whether it had not been.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn note_warning(store: &Store, service_id: ServiceId) -> Result<bool> {
    let mut conn = store.connection().await?;
    let note = NoteWarning { service_id };
    Ok(store.within_deadline(note.execute(&mut conn)).await? > 0)
}

/// Removes daily counts older than 35 days and hours older than two; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn forget_old_counts(store: &Store) -> Result<usize> {
    let mut conn = store.connection().await?;
    let n_days = store
        .within_deadline(ForgetDays {}.execute(&mut conn))
        .await?;
    let n_hours = store
        .within_deadline(ForgetHours {}.execute(&mut conn))
        .await?;
    Ok(n_days + n_hours)
}
