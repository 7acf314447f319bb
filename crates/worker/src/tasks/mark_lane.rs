//! Mark a lane: record that everything put into the queue before the marker has been taken out.

use carillon_core::task::MarkLane;

use crate::context::Context;
use crate::patience::{self, ShuttingDown};

/// Records the watermark. What a worker took before the marker and has not started or saved yet is
/// covered by the grace of the rescue and of the ledger.
pub(crate) async fn handle(cx: &Context, marker: &MarkLane) -> Result<(), ShuttingDown> {
    let record = || carillon_store::watermark::record(&cx.store, marker.queue, marker.published_at);
    match patience::store(&cx.shutdown, "mark-lane", record).await? {
        Ok(()) => Ok(()),
        Err(error) => {
            // The next marker, seconds away, says the same and more.
            tracing::warn!(queue = %marker.queue, %error, "cannot record a lane's watermark");
            Ok(())
        }
    }
}
