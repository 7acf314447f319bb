//! Wakes the poller when there is something for it, with few notifications.

use std::sync::Arc;
use std::time::Duration;

use carillon_runtime::Tasks;
use carillon_store::Store;
use carillon_store::wake::{self, Channel};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Waker {
    callback_events: Arc<Notify>,
}

/// Between two notifications: what comes meanwhile shares the next one.
const PAUSE: Duration = Duration::from_millis(20);

impl Waker {
    /// Starts what sends; it ends at shutdown, for the poller looks by itself too.
    pub fn start(store: Store, tasks: &Tasks, shutdown: CancellationToken) -> Self {
        let callback_events = Arc::new(Notify::new());
        let woken = Arc::clone(&callback_events);
        tasks.spawn("waker", async move {
            let until = shutdown.clone();
            let send = async move {
                loop {
                    woken.notified().await;
                    if let Err(error) = wake::notify(&store, Channel::CallbackEvents).await {
                        tracing::debug!(%error, "cannot wake the poller; it looks by itself");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            };
            until.run_until_cancelled(send).await;
        });
        Self { callback_events }
    }

    /// Callback events were committed, or there is room for more of them.
    pub fn callbacks(&self) {
        self.callback_events.notify_one();
    }
}
