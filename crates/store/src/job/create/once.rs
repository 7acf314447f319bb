//! Making a job under an idempotency key, which is taken first: what somebody else is making is not
//! written a second time only to be given up.

use std::sync::atomic::{AtomicBool, Ordering};

use carillon_core::idempotency::{Fingerprint, ScopedKey};
use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

use super::{CreateError, Created, MARGIN, NewJob, statement};
use crate::idempotency::{self, Stored};
use crate::{Error, Store};

/// What a request with an idempotency key came to.
#[derive(Debug)]
pub enum Once {
    /// The job is made; the body of its 201.
    Made(Vec<u8>),
    /// The key was used before, for this.
    Before(Stored),
}

/// Makes a job as [`create`](super::create()) does, if its key is new, and keeps what `answer` says of the moment at
/// which it was made.
///
/// # Errors
/// Caused by [`Error::Conflict`] when somebody else is about to use the key. When PostgreSQL goes away
/// the same request under the same key finds out.
pub async fn create_once(
    store: &Store,
    job: NewJob,
    key: &ScopedKey,
    fingerprint: Fingerprint,
    answer: impl Fn(DateTime<Utc>) -> Vec<u8> + Send + Sync,
) -> std::result::Result<Once, CreateError> {
    let statement = statement(job);
    let connection = store.connection().await;
    let mut conn = connection.map_err(CreateError::not_made)?;
    let asked_to_commit = AtomicBool::new(false);
    let (within, limits) = statement.limits();
    let sealer = store.sealer();
    let made = conn.transaction(async |conn| {
        let used = idempotency::claim_one(conn, sealer, key, fingerprint).await?;
        if let Some(stored) = used {
            return Ok(Once::Before(stored));
        }
        conn.batch_execute(&limits).await?;
        let made: Vec<Created> = statement.load(conn).await?;
        let made = made.into_iter().next().ok_or(Error::Gone)?;
        let answer = answer(made.created_at);
        idempotency::keep_answer(conn, sealer, key, &answer).await?;
        asked_to_commit.store(true, Ordering::Relaxed);
        Ok::<_, Error>(Once::Made(answer))
    });
    let made = tokio::time::timeout(within + MARGIN, made).await;
    let made = made.unwrap_or_else(|_| Err(Error::Unavailable("no answer in time".to_owned())));
    made.map_err(|cause| CreateError {
        may_exist: cause.is_transient() && asked_to_commit.into_inner(),
        cause,
    })
}
