//! A message in our hands.

use std::sync::Arc;

use carillon_core::trace::TraceContext;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::ledger::Ledger;

/// A message taken from a queue. Settle it once its effect is committed; dropped unsettled, it goes
/// back to its queue and is delivered again.
pub struct Delivery {
    /// The task's name.
    pub task: String,
    /// The payload's version.
    pub version: u16,
    /// The message's own id: the same at every delivery of it.
    pub id: Option<Uuid>,
    /// How often it was delivered before without being settled.
    pub redeliveries: u64,
    /// The JSON body.
    pub payload: Vec<u8>,
    /// The span that published it, if somebody records it.
    pub trace: Option<TraceContext>,
    pub(crate) ticket: Ticket,
}

impl Delivery {
    /// Its effect is committed: acknowledge it.
    pub fn settle(self) {
        self.ticket.settle();
    }
}

/// The right to settle one delivery. Dropped, it sends the delivery back.
pub(crate) struct Ticket {
    pub tag: u64,
    pub desk: Arc<Desk>,
    /// Kept by every delivery in hand: the consumer knows that none is left when all are dropped.
    pub _in_hand: mpsc::Sender<()>,
    pub is_settled: bool,
}

/// Where deliveries of one channel are settled.
pub(crate) struct Desk {
    pub ledger: Mutex<Ledger>,
    pub settled: Notify,
}

impl Ticket {
    fn settle(mut self) {
        self.desk.ledger.lock().settled(self.tag);
        self.is_settled = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_settled {
            self.desk.ledger.lock().dropped(self.tag);
        }
        self.desk.settled.notify_one();
    }
}
