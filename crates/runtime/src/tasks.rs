//! Background work that the end of the process waits for: the one place that spawns.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error, error_span};

/// Spawns tasks and knows when all of them have ended. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: CancellationToken,
    failed: Arc<AtomicBool>,
}

impl Tasks {
    /// Tasks of a process that `shutdown` ends. A failed essential task cancels it.
    #[must_use]
    pub fn new(shutdown: CancellationToken) -> Self {
        Self {
            tracker: TaskTracker::new(),
            shutdown,
            failed: Arc::default(),
        }
    }

    /// Spawns `future`, which must end soon after `shutdown` is cancelled. Whatever it logs
    /// carries `name` as the field `task.name`; so does its panic, which ends it alone.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tracker
            .spawn(future.instrument(error_span!("task", task.name = name)))
    }

    /// Spawns what the process cannot do without: if it ends with an error or a panic, the
    /// process shuts down and exits with 1, for the orchestrator to start it afresh.
    pub fn spawn_essential<F>(&self, name: &'static str, future: F) -> JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let guard = FailureGuard {
            tasks: self.clone(),
            is_armed: true,
        };
        self.spawn(name, async move {
            let mut guard = guard;
            match future.await {
                Ok(()) => guard.is_armed = false,
                Err(error) => {
                    error!(error = format!("{error:#}"), "the task {name} has failed");
                }
            }
        })
    }

    /// Whether an essential task has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether every task has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Waits until every task has ended, those spawned meanwhile included. For the end of the
    /// process; cancel-safe.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_failed = self.has_failed();
        f.debug_struct("Tasks")
            .field("len", &self.len())
            .field("has_failed", &has_failed)
            .finish()
    }
}

/// Reports the failure when dropped, which a panic does too.
struct FailureGuard {
    tasks: Tasks,
    is_armed: bool,
}

impl Drop for FailureGuard {
    fn drop(&mut self) {
        if self.is_armed {
            self.tasks.failed.store(true, Ordering::Release);
            self.tasks.shutdown.cancel();
        }
    }
}

/// Spawns what serves the process to its very end, such as its health server: nothing waits
/// for it.
pub(crate) fn spawn_detached<F>(future: F)
where
    F: Future<Output: Send> + Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "the end of the process must not wait for it"
    )]
    tokio::spawn(future);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Tasks {
        Tasks::new(CancellationToken::new())
    }

    #[tokio::test]
    async fn waiting_covers_tasks_spawned_by_tasks() {
        let tasks = tasks();
        let inner = tasks.clone();
        tasks.spawn("outer", async move {
            inner.spawn("inner", tokio::task::yield_now());
        });
        tasks.finished().await;
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn an_essential_task_that_fails_ends_the_process() {
        let tasks = tasks();
        tasks.spawn_essential("engine", async { anyhow::bail!("stuck") });
        tasks.shutdown.cancelled().await;
        assert!(tasks.has_failed());
    }

    #[tokio::test]
    async fn so_does_one_that_panics() {
        let tasks = tasks();
        tasks.spawn_essential("engine", async { panic!("on purpose") });
        tasks.shutdown.cancelled().await;
        assert!(tasks.has_failed());
    }

    #[tokio::test]
    async fn others_fail_alone_and_essential_ones_may_end() {
        let tasks = tasks();
        tasks.spawn("helper", async { panic!("on purpose") });
        tasks.spawn_essential("engine", async { Ok(()) });
        tasks.finished().await;
        assert!(!tasks.has_failed());
        assert!(!tasks.shutdown.is_cancelled());
    }
}
