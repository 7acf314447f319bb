//! The server, its sessions, its clock, and which migrations it has.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use tokio::time::Instant;

use crate::migrate::MIGRATIONS;
use crate::{Error, Result, Store};

statement! {
    ReadServer = "server.sql" {}
}
statement! {
    ReadSessions = "sessions.sql" {}
}
statement! {
    ReadClock = "clock.sql" {}
}
statement! {
    Ping = "ping.sql" {}
}
statement! {
    FindMigrations = "migrations_table.sql" {}
}
statement! {
    ReadMigrations = "applied_migrations.sql" {}
}

/// The server and its settings.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Server {
    /// Its version, as people write it.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// Its version as a number: 150018 is 15.18.
    #[diesel(sql_type = Integer)]
    pub version_number: i32,
    /// Connections that roles without privileges may have together.
    #[diesel(sql_type = BigInt)]
    pub connections_allowed: i64,
    /// Connections of clients to all databases.
    #[diesel(sql_type = BigInt)]
    pub connections_taken: i64,
    /// Whether it takes no writes: a standby, or set so.
    #[diesel(sql_type = Bool)]
    pub is_read_only: bool,
    /// `lc_messages`.
    #[diesel(sql_type = Text)]
    pub messages_locale: String,
    /// Settings that are off and without which a crash may lose what was committed.
    #[diesel(sql_type = Array<Text>)]
    pub unsafe_settings: Vec<String>,
}

/// The connections of one kind of process from one host.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub struct Session {
    /// The kind of process, such as `carillon-worker`.
    #[diesel(sql_type = Text)]
    pub process: String,
    /// Its address, or `local`.
    #[diesel(sql_type = Text)]
    pub host: String,
    /// How many connections.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
    /// Seconds since the oldest open transaction began; 0 when none is open.
    #[diesel(sql_type = Double)]
    pub longest_transaction_seconds: f64,
    /// Seconds for which a transaction has been open with nobody working in it.
    #[diesel(sql_type = Double)]
    pub longest_idle_seconds: f64,
}

/// `carillon_now()`, and what it has been moved by.
#[derive(Debug, Clone, Copy, PartialEq, diesel::QueryableByName)]
pub struct Clock {
    /// The time by which everything is decided.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
    /// How far it lies ahead of the server's clock; 0 outside tests.
    #[diesel(sql_type = Double)]
    pub offset_seconds: f64,
}

/// The database's migrations against those of this binary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Migrations {
    /// How many of this binary's have run.
    pub n_applied: usize,
    /// Those of this binary that have not run, in order.
    pub pending: Vec<String>,
    /// Those that have run and that this binary does not know: the database is newer.
    pub unknown: Vec<String>,
}

/// Asks the server about itself.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn server(store: &Store) -> Result<Server> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(ReadServer {}.get_result(&mut conn))
        .await
}

/// How long a question and its answer take, at best of a few.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn round_trip(store: &Store) -> Result<Duration> {
    let mut conn = store.connection().await?;
    let mut best = Duration::MAX;
    // The first one also prepares the statement.
    for _ in 0..4 {
        let asked = Instant::now();
        store.within_deadline(Ping {}.execute(&mut conn)).await?;
        best = best.min(asked.elapsed());
    }
    Ok(best)
}

/// Connections of Carillon's processes to this database, except this store's own. Behind a pooler
/// the names may be the pooler's, and none is found.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn sessions(store: &Store) -> Result<Vec<Session>> {
    let mut conn = store.connection().await?;
    store.within_deadline(ReadSessions {}.load(&mut conn)).await
}

/// Reads the clock.
///
/// # Errors
/// When PostgreSQL is away or not migrated.
pub async fn clock(store: &Store) -> Result<Clock> {
    let mut conn = store.connection().await?;
    store
        .within_deadline(ReadClock {}.get_result(&mut conn))
        .await
}

#[derive(diesel::QueryableByName)]
struct Table {
    #[diesel(sql_type = Bool)]
    is_there: bool,
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Compares the migrations that have run with those of this binary.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn migrations(store: &Store) -> Result<Migrations> {
    let mut conn = store.connection().await?;
    let table: Table = store
        .within_deadline(FindMigrations {}.get_result(&mut conn))
        .await?;
    let applied: Vec<Applied> = if table.is_there {
        store
            .within_deadline(ReadMigrations {}.load(&mut conn))
            .await?
    } else {
        Vec::new()
    };
    let applied = applied.into_iter().map(|row| row.version).collect();
    Ok(compare(&known()?, &applied))
}

/// Version and name of each of this binary's migrations, in order.
fn known() -> Result<Vec<(String, String)>> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| Error::Refused(error.to_string()))?;
    let mut known: Vec<_> = migrations
        .iter()
        .map(|migration| {
            let name = migration.name();
            (name.version().to_string(), name.to_string())
        })
        .collect();
    known.sort();
    Ok(known)
}

fn compare(known: &[(String, String)], applied: &BTreeSet<String>) -> Migrations {
    let pending = known
        .iter()
        .filter(|(version, _)| !applied.contains(version));
    let pending: Vec<_> = pending.map(|(_, name)| name.clone()).collect();
    let is_unknown = |version: &&String| !known.iter().any(|(known, _)| known == *version);
    Migrations {
        n_applied: known.len() - pending.len(),
        pending,
        unknown: applied.iter().filter(is_unknown).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_may_lack_migrations_and_have_newer_ones() {
        let known = [("1", "1_a"), ("2", "2_b"), ("3", "3_c")].map(|(v, n)| (v.into(), n.into()));
        let applied = ["1", "3", "4"].map(String::from).into();
        let compared = Migrations {
            n_applied: 2,
            pending: vec!["2_b".to_owned()],
            unknown: vec!["4".to_owned()],
        };
        assert_eq!(compare(&known, &applied), compared);
    }

    #[test]
    fn this_binary_s_migrations_are_known_by_the_version_that_the_database_keeps() {
        let known = known().unwrap();
        let first = ("20261126100000", "2026-11-26-100000_create_clock");
        assert_eq!((&*known[0].0, &*known[0].1), first);
    }
}
