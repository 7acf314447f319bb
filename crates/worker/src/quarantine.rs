//! Setting a payload aside that cannot be handled, so that its neighbours flow.

use carillon_core::reason::QuarantineReason;

use crate::context::Context;
use crate::patience::{self, ShuttingDown};

/// Keeps the payload with its reason. Should PostgreSQL ever refuse even this, the queue pauses,
/// loudly, rather than lose what may be the only copy.
pub(crate) async fn put(
    cx: &Context,
    queue: &str,
    task: &str,
    reason: QuarantineReason,
    detail: &str,
    payload: &[u8],
) -> Result<(), ShuttingDown> {
    let put = || async {
        carillon_store::quarantine::put(&cx.store, queue, task, reason, detail, payload)
            .await
            .map_err(|error| carillon_store::Error::Unavailable(error.to_string()))
    };
    // Every error is made to be tried again, so only success comes back.
    let _ = patience::store(&cx.shutdown, "quarantine", put).await?;
    tracing::warn!(queue, task.name = task, reason = %reason, detail, "quarantined");
    Ok(())
}
