//! Lane markers: one into every delivery queue, every few seconds.

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::queue::DELIVERY;
use carillon_core::task::MarkLane;
use carillon_store::{Store, health};

use crate::publish;

/// Drops one marker into each lane. The time is read before publishing: what a marker proves must
/// have been in the queue by then.
pub(crate) async fn drop_into_every_lane(
    store: &Store,
    publisher: &Publisher,
) -> anyhow::Result<()> {
    if !publisher.is_connected() {
        return Ok(());
    }
    let published_at = health::now(store).await?;
    for queue in DELIVERY {
        let marker = MarkLane {
            queue,
            published_at,
        };
        let marker = Outgoing::task(queue, carillon_core::id::mint(), &marker)?;
        publish::within_deadline(publisher, &[marker]).await?;
    }
    Ok(())
}
