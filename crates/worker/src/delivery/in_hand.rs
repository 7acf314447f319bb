//! A deliver task in hand: settled when its last id is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_amqp::Delivery;
use parking_lot::Mutex;

/// Counts down the ids of one task. Dropped before its last id is settled, the task goes back to
/// its queue.
struct Task {
    n_open: AtomicUsize,
    delivery: Mutex<Option<Delivery>>,
}

/// One id of a task. Dropped unsettled it keeps its task open, so that the task goes back to its
/// queue; except in a panic, which would come again with it: the lease and the rescue care for the
/// row then.
pub(crate) struct IdInHand {
    task: Arc<Task>,
}

impl IdInHand {
    /// The ids of a task; one without ids is settled at once.
    pub fn all_of(delivery: Delivery, n_ids: usize) -> Vec<Self> {
        if n_ids == 0 {
            delivery.settle();
            return Vec::new();
        }
        let task = Arc::new(Task {
            n_open: AtomicUsize::new(n_ids),
            delivery: Mutex::new(Some(delivery)),
        });
        (0..n_ids)
            .map(|_| Self {
                task: Arc::clone(&task),
            })
            .collect()
    }

    /// It needs nothing more of its task.
    pub fn settle(self) {
        self.task.count_down();
    }
}

impl Drop for IdInHand {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.task.count_down();
        }
    }
}

impl Task {
    fn count_down(&self) {
        if self.n_open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(delivery) = self.delivery.lock().take()
        {
            delivery.settle();
        }
    }
}
