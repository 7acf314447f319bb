//! Idempotency keys: a request that was answered once is answered the same again, and nothing is
//! sent twice.
//!
//! In the order in which a request meets it: its key is read (`header`) and looked up before anything
//! else is checked ([`Idempotency::look`]); one that is new is held while its request is under way
//! (`in_flight`), and taken for good in the transaction that accepts it.

mod header;
mod in_flight;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use carillon_core::idempotency::{Fingerprint, ScopedKey};
use carillon_runtime::Tasks;
use carillon_store::Store;
use carillon_store::idempotency::Stored;

pub(crate) use header::read as key;
pub(crate) use in_flight::Turn;

use crate::coalesce::Coalescer;
use crate::error::NotifyError;
use in_flight::InFlight;

/// Keys that are looked up together.
const BATCH: usize = 100;

/// A look that takes longer counts as failed. With the wait for the service's own cached row, a
/// client hears within a second that PostgreSQL is away.
const LOOK_WITHIN: Duration = Duration::from_millis(500);

/// On an answer that was given before.
const REPLAYED: &str = "Idempotency-Replayed";

/// The keys that this process knows to be in use, and those that were used.
pub(crate) struct Idempotency {
    looks: Coalescer<ScopedKey, Looks>,
    in_flight: InFlight,
}

/// What is known of all keys of a batch; nothing when PostgreSQL does not answer.
type Looks = Option<Arc<HashMap<ScopedKey, Stored>>>;

/// What a look finds.
pub(crate) enum Looked {
    /// The key was used.
    Used(Stored),
    /// It is new, and this request's turn.
    New(Turn),
}

impl Idempotency {
    pub fn start(tasks: &Tasks, store: Store) -> Self {
        let looks = Coalescer::start(tasks, "idempotency", BATCH, move |keys: Vec<ScopedKey>| {
            let store = store.clone();
            async move {
                match carillon_store::idempotency::find(&store, &keys).await {
                    Ok(found) => Some(Arc::new(found)),
                    Err(error) => {
                        tracing::warn!(%error, "idempotency keys cannot be looked up");
                        None
                    }
                }
            }
        });
        Self {
            looks,
            in_flight: InFlight::default(),
        }
    }

    /// Looks a key up.
    ///
    /// # Errors
    /// 409 when a request with this key is under way, 503 when PostgreSQL does not answer.
    pub async fn look(&self, key: ScopedKey) -> Result<Looked, NotifyError> {
        if self.in_flight.has(&key) {
            return Err(in_use());
        }
        let look = tokio::time::timeout(LOOK_WITHIN, self.looks.submit(key.clone())).await;
        let Ok(Some(Some(found))) = look else {
            count("unavailable");
            return Err(NotifyError::unavailable());
        };
        if let Some(stored) = found.get(&key) {
            return Ok(Looked::Used(stored.clone()));
        }
        // Whoever had its turn meanwhile has committed, and the transaction finds what it left.
        self.in_flight.take(key).map(Looked::New).ok_or_else(in_use)
    }
}

/// The answer to a request whose key was used before.
///
/// # Errors
/// 422 when it was used for another request.
pub(crate) fn replay(
    stored: &Stored,
    fingerprint: Fingerprint,
) -> Result<HttpResponse, NotifyError> {
    if stored.fingerprint != fingerprint {
        count("mismatch");
        return Err(NotifyError::idempotency_mismatch());
    }
    let answer = stored.answer.as_ref().map_err(|error| {
        tracing::error!(%error, "the answer kept for an idempotency key cannot be read");
        NotifyError::unavailable()
    })?;
    count("replayed");
    Ok(HttpResponse::Created()
        .content_type(ContentType::json())
        .insert_header((REPLAYED, "true"))
        .body(answer.clone()))
}

/// 409: a request with this key is under way, here or in another process.
pub(crate) fn in_use() -> NotifyError {
    count("conflict");
    NotifyError::idempotency_conflict()
}

fn count(result: &'static str) {
    metrics::counter!("carillon_idempotency_total", "result" => result).increment(1);
}
