//! A deliver task in hand: settled when its last id is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_amqp::Delivery;
use parking_lot::Mutex;

/// Counts down the ids of one task. Dropped before its last id is settled, the task goes back to
/// its queue.
pub(crate) struct TaskInHand {
    n_open: AtomicUsize,
    delivery: Mutex<Option<Delivery>>,
}

impl TaskInHand {
    /// A task of `n_ids`; one without ids is settled at once.
    pub fn new(delivery: Delivery, n_ids: usize) -> Arc<Self> {
        if n_ids == 0 {
            delivery.settle();
            return Arc::new(Self {
                n_open: AtomicUsize::new(0),
                delivery: Mutex::new(None),
            });
        }
        Arc::new(Self {
            n_open: AtomicUsize::new(n_ids),
            delivery: Mutex::new(Some(delivery)),
        })
    }

    /// One of its ids needs nothing more of this task.
    pub fn one_settled(&self) {
        if self.n_open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(delivery) = self.delivery.lock().take()
        {
            delivery.settle();
        }
    }
}
