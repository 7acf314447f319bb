//! Connections that are kept for the next message.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::connection::Connection;

/// A connection that lay idle for longer is not used again: firewalls on the way forget it, and
/// then the next command vanishes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The idle connections, and turns for as many calls as there may be connections.
pub(super) struct Pool {
    turns: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(max_connections: u32) -> Self {
        let turns = usize::try_from(max_connections).unwrap_or(1).max(1);
        Self {
            turns: Semaphore::new(turns),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Waits for the right to use a connection; none when it does not come in time.
    pub(super) async fn turn(&self, until: Instant) -> Option<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout_at(until, self.turns.acquire()).await;
        // The semaphore is never closed.
        turn.ok()?.ok()
    }

    /// The connection used last, so that those not needed grow old and go.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < IDLE_TIMEOUT);
        idle.pop().map(|idle| idle.connection)
    }

    /// Keeps a connection that is between two messages.
    pub(super) fn put(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle {
            connection,
            since: Instant::now(),
        });
    }
}
