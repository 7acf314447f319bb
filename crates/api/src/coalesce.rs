//! Coalescing: what concurrent requests hand in leaves together.
//!
//! Nothing is delayed for company: while earlier batches are being confirmed, what comes meanwhile
//! gathers, so batches grow with load by themselves.

use std::sync::Arc;

use carillon_runtime::Tasks;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Hands items to `flush` in batches; each submitter gets its batch's verdict.
pub(crate) struct Coalescer<T, V> {
    items: mpsc::Sender<(T, oneshot::Sender<V>)>,
}

/// Batches in flight at a time.
const IN_FLIGHT: usize = 4;
/// Items waiting; beyond this submitters wait.
const BUFFER: usize = 4_096;

impl<T: Send + 'static, V: Clone + Send + 'static> Coalescer<T, V> {
    /// Starts; ends when the coalescer is dropped and everything is flushed.
    pub fn start<F, Fut>(tasks: &Tasks, name: &'static str, n_max: usize, flush: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = V> + Send + 'static,
    {
        let (items, mut waiting) = mpsc::channel::<(T, oneshot::Sender<V>)>(BUFFER);
        let flush = Arc::new(flush);
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let batches = tasks.clone();
        tasks.spawn(name, async move {
            loop {
                // Closed never: the semaphore lives as long as this task.
                let Ok(turn) = Arc::clone(&in_flight).acquire_owned().await else {
                    return;
                };
                let mut batch = Vec::new();
                if waiting.recv_many(&mut batch, n_max).await == 0 {
                    return;
                }
                let flush = Arc::clone(&flush);
                batches.spawn(name, async move {
                    let (items, submitters): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                    let verdict = flush(items).await;
                    for submitter in submitters {
                        // A submitter that is gone needs no answer; its item is safe.
                        let _ = submitter.send(verdict.clone());
                    }
                    drop(turn);
                });
            }
        });
        Self { items }
    }

    /// Submits an item and waits for its batch's verdict; `None` when the process is ending.
    pub async fn submit(&self, item: T) -> Option<V> {
        let (verdict, answer) = oneshot::channel();
        self.items.send((item, verdict)).await.ok()?;
        answer.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn concurrent_items_leave_together_and_each_gets_its_answer() {
        let tasks = Tasks::new(CancellationToken::new());
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let coalescer = Coalescer::start(&tasks, "test", 10, move |batch: Vec<u32>| {
            seen.lock().push(batch.len());
            async move {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                batch.len()
            }
        });
        let answers = futures::future::join_all((0..64).map(|n| coalescer.submit(n))).await;
        assert!(answers.iter().all(Option::is_some));
        let sizes = sizes.lock();
        assert_eq!(sizes.iter().sum::<usize>(), 64);
        assert!(
            sizes.len() < 30 && sizes.iter().all(|n| *n <= 10),
            "{sizes:?}"
        );
    }
}
