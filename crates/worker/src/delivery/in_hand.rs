//! A deliver task in hand: settled when its last id is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_amqp::Delivery;
use carillon_core::trace::TraceContext;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Counts down the ids of one task. Dropped before its last id is settled, the task goes back to
/// its queue.
struct Task {
    n_open: AtomicUsize,
    delivery: Mutex<Option<Delivery>>,
    taken_at: Instant,
    published_by: Option<TraceContext>,
    n_tasks: Arc<AtomicUsize>,
}

/// How many tasks of a lane are in hand, ids of theirs under delivery included.
#[derive(Debug, Clone, Default)]
pub(crate) struct TasksInHand {
    n: Arc<AtomicUsize>,
}

/// One id of a task. Dropped unsettled it keeps its task open, so that the task goes back to its
/// queue; except in a panic, which would come again with it: the lease and the rescue care for the
/// row then.
pub(crate) struct IdInHand {
    task: Arc<Task>,
}

impl TasksInHand {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.n.load(Ordering::Relaxed)
    }

    /// Takes one more in hand, which has been read: its ids, in their order. One without ids is
    /// settled at once.
    pub fn ids_of(&self, mut delivery: Delivery, n_ids: usize) -> Vec<IdInHand> {
        if n_ids == 0 {
            delivery.settle();
            return Vec::new();
        }
        // Thousands of tasks may be in hand for seconds.
        delivery.payload = Vec::new();
        self.n.fetch_add(1, Ordering::Relaxed);
        let task = Arc::new(Task {
            n_open: AtomicUsize::new(n_ids),
            taken_at: Instant::now(),
            published_by: delivery.trace,
            delivery: Mutex::new(Some(delivery)),
            n_tasks: Arc::clone(&self.n),
        });
        (0..n_ids)
            .map(|_| IdInHand {
                task: Arc::clone(&task),
            })
            .collect()
    }
}

impl IdInHand {
    /// The ids of a task whose lane is not counted, in their order; one without ids is settled at
    /// once.
    pub fn all_of(delivery: Delivery, n_ids: usize) -> Vec<Self> {
        TasksInHand::default().ids_of(delivery, n_ids)
    }

    /// It needs nothing more of its task.
    pub fn settle(self) {
        self.task.count_down();
    }

    /// When its task came.
    pub fn taken_at(&self) -> Instant {
        self.task.taken_at
    }

    /// The span that published its task, if somebody records it.
    pub fn published_by(&self) -> Option<TraceContext> {
        self.task.published_by
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

impl Drop for Task {
    fn drop(&mut self) {
        self.n_tasks.fetch_sub(1, Ordering::Relaxed);
    }
}
