//! Reading a notification that was accepted a moment ago: its row may be a batch interval away, so
//! the read waits for it. All waiting readers share one query every 50 ms.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::id::{NotificationId, ServiceId};
use carillon_runtime::Tasks;
use carillon_store::Store;
use carillon_store::notification::{Notification, read_many};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Waits for rows of young ids.
pub(crate) struct FreshReads {
    waiters: mpsc::Sender<Waiter>,
    n_waiting: Arc<Mutex<HashMap<ServiceId, usize>>>,
    n_max_per_service: usize,
}

struct Waiter {
    id: NotificationId,
    row: oneshot::Sender<Notification>,
    until: Instant,
}

/// Only ids younger than this are waited for (contract).
const YOUNG: chrono::Duration = chrono::Duration::seconds(10);
/// The longest wait (contract).
const WAIT: Duration = Duration::from_secs(2);
/// The time between two shared looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl FreshReads {
    pub fn start(tasks: &Tasks, store: Store, n_max_per_service: usize) -> Self {
        let (waiters, coming) = mpsc::channel(1_024);
        tasks.spawn("fresh-reads", look(store, coming));
        Self {
            waiters,
            n_waiting: Arc::default(),
            n_max_per_service,
        }
    }

    /// The row of a young id as soon as it is there; `None` when it does not come, the id is old,
    /// or the service has too many reads waiting already.
    pub async fn wait(&self, service_id: ServiceId, id: NotificationId) -> Option<Notification> {
        let age = carillon_core::clock::now() - id.time()?;
        if age > YOUNG || age < -YOUNG {
            return None;
        }
        let _place = Place::take(&self.n_waiting, service_id, self.n_max_per_service)?;
        let (row, found) = oneshot::channel();
        let until = Instant::now() + WAIT;
        let waiting = async {
            self.waiters.send(Waiter { id, row, until }).await.ok()?;
            found.await.ok()
        };
        // The shared look may itself wait for a slow database.
        tokio::time::timeout_at(until, waiting).await.ok()?
    }
}

/// One of the waiting reads a service may have.
struct Place {
    n_waiting: Arc<Mutex<HashMap<ServiceId, usize>>>,
    service_id: ServiceId,
}

impl Place {
    fn take(
        n_waiting: &Arc<Mutex<HashMap<ServiceId, usize>>>,
        service_id: ServiceId,
        n_max: usize,
    ) -> Option<Self> {
        let mut counts = n_waiting.lock();
        let n = counts.entry(service_id).or_default();
        if *n >= n_max {
            return None;
        }
        *n += 1;
        Some(Self {
            n_waiting: Arc::clone(n_waiting),
            service_id,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.n_waiting.lock();
        if let Some(n) = counts.get_mut(&self.service_id) {
            *n -= 1;
            if *n == 0 {
                counts.remove(&self.service_id);
            }
        }
    }
}

/// Looks for all waiting ids together until the last sender is gone.
async fn look(store: Store, mut coming: mpsc::Receiver<Waiter>) {
    let mut waiting: Vec<Waiter> = Vec::new();
    loop {
        if waiting.is_empty() {
            match coming.recv().await {
                Some(waiter) => waiting.push(waiter),
                None => return,
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
        while let Ok(waiter) = coming.try_recv() {
            waiting.push(waiter);
        }
        let now = Instant::now();
        // Dropping a waiter answers it: not found.
        waiting.retain(|waiter| waiter.until > now && !waiter.row.is_closed());
        let ids: Vec<_> = waiting.iter().map(|waiter| waiter.id).collect();
        match read_many(&store, &ids).await {
            Ok(rows) => {
                let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
                let mut still = Vec::with_capacity(waiting.len());
                for waiter in waiting {
                    match rows.get(&waiter.id).cloned() {
                        // The reader may have gone meanwhile.
                        Some(row) => drop(waiter.row.send(row)),
                        None => still.push(waiter),
                    }
                }
                rows.clear();
                waiting = still;
            }
            Err(error) => tracing::debug!(%error, "cannot look for fresh rows"),
        }
    }
}
