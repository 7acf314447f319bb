//! What the chunks of a job hold, where that is in PostgreSQL.

use carillon_core::id::JobId;
use carillon_schema::job_payloads;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

/// The `storage` of a job whose payload is in PostgreSQL.
pub const IN_POSTGRES: &str = "postgres";

/// The number under which the rows that were refused are kept.
pub(super) const INVALID_ROWS: i32 = -1;

/// What a chunk holds; `None` when it is not here.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_chunk(store: &Store, job: JobId, chunk: i32) -> Result<Option<Vec<u8>>> {
    let mut conn = store.connection().await?;
    let select = job_payloads::table
        .find((job, chunk))
        .select(job_payloads::payload);
    store
        .within_deadline(select.first(&mut conn))
        .await
        .optional()
}

/// The rows that were refused, as CSV; `None` when there are none here.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn read_invalid_rows(store: &Store, job: JobId) -> Result<Option<Vec<u8>>> {
    read_chunk(store, job, INVALID_ROWS).await
}

/// [`crate::Error::Gone`] as nothing.
trait Optional<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> Optional<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(found) => Ok(Some(found)),
            Err(crate::Error::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
