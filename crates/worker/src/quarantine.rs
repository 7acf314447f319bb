//! Setting a payload aside that cannot be handled, so that its neighbours flow.

use carillon_core::reason::QuarantineReason;

use crate::context::Context;
use crate::patience::{self, ShuttingDown};

/// Keeps the payload with its reason. A quarantine that PostgreSQL refuses is logged and counted;
/// the payload then stays unsettled and ends in the dead-letter queue.
pub(crate) async fn put(
    cx: &Context,
    queue: &str,
    task: &str,
    reason: QuarantineReason,
    detail: &str,
    payload: &[u8],
) -> Result<(), ShuttingDown> {
    let put = || carillon_store::quarantine::put(&cx.store, queue, task, reason, detail, payload);
    match patience::store(&cx.shutdown, "quarantine", put).await? {
        Ok(()) => {
            tracing::warn!(queue, task.name = task, reason = %reason, detail, "quarantined");
            Ok(())
        }
        Err(error) => {
            tracing::error!(queue, task.name = task, %error, "cannot quarantine");
            Err(ShuttingDown)
        }
    }
}
