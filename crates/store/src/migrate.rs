//! Running the migrations.

use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Error, Result, Store};

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// What a migration waits for a table's lock, in milliseconds. Whoever comes after a waiting one
/// waits too, so that behind a long report it would stop the flow of messages: better to give way.
const LOCK_WITHIN_MS: u32 = 500;

/// Runs what has not run yet and returns the names. Processes that start together take turns.
/// Needs a multi-threaded runtime.
///
/// # Errors
/// When PostgreSQL is away or a migration fails; those before it stay. One that does not get a lock
/// in time is [`Error::Unavailable`]: run again.
pub async fn run(store: &Store) -> Result<Vec<String>> {
    let mut conn = store.connection().await?;
    let lock = format!(
        "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({}); \
         SET lock_timeout = {LOCK_WITHIN_MS}",
        crate::lock::MIGRATE
    );
    diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, &lock).await?;
    let mut harness = AsyncMigrationHarness::new(conn);
    let ran = harness
        .run_pending_migrations(MIGRATIONS)
        .map(|versions| versions.iter().map(ToString::to_string).collect())
        .map_err(|error| match error.to_string() {
            text if text.contains("due to lock timeout") => {
                Error::Unavailable("somebody holds a lock that a migration needs".to_owned())
            }
            text => Error::Refused(text),
        });
    let mut conn = harness.into_inner();
    let unlock = format!(
        "SELECT pg_advisory_unlock({}); RESET statement_timeout; RESET lock_timeout",
        crate::lock::MIGRATE
    );
    diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, &unlock).await?;
    ran
}

/// Whether migrations are outstanding: an old database under new binaries.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn is_pending(store: &Store) -> Result<bool> {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let mut conn = store.connection().await?;
    let known = diesel::migration::MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS)
        .map_err(|error| Error::Refused(error.to_string()))?
        .len();
    let query = diesel::sql_query("SELECT count(*) AS n FROM __diesel_schema_migrations");
    match query
        .get_result::<Count>(&mut conn)
        .await
        .map_err(Error::from)
    {
        Ok(count) => Ok(usize::try_from(count.n).unwrap_or(0) < known),
        Err(Error::Unavailable(text)) if text.contains("does not exist") => Ok(true),
        Err(error) => Err(error),
    }
}
