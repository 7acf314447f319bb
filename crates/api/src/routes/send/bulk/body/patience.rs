//! How long a client is waited for.
//!
//! A stalled client is given up after a while, and so is one that sends a little now and then: each
//! wait takes of the patience with it, and what it sends gives some back, as much as a slow line
//! needs. Waiting for ourselves, such as for memory, costs the client nothing.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait for one piece.
const STALLS_FOR: Duration = Duration::from_secs(30);

/// All waits, if nothing came.
const AT_MOST: Duration = Duration::from_secs(60);

/// Bytes that a client must send in a second in the long run.
const BYTES_PER_SECOND: usize = 64 << 10;

/// The patience with one client.
#[derive(Debug)]
pub(super) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(AT_MOST)
    }
}

impl Patience {
    /// What comes, or nothing once patience is at its end.
    pub(super) async fn wait_for<T>(&mut self, coming: impl Future<Output = T>) -> Option<T> {
        let began = Instant::now();
        let came = tokio::time::timeout(self.0.min(STALLS_FOR), coming).await;
        self.0 = self.0.saturating_sub(began.elapsed());
        came.ok()
    }

    /// So many bytes came. No more patience is gathered than there was at first, or a client could
    /// send much and then dawdle.
    pub(super) fn came(&mut self, n_bytes: usize) {
        let nanos = n_bytes.saturating_mul(1_000_000_000 / BYTES_PER_SECOND);
        let earned = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.0 = self.0.saturating_add(earned).min(AT_MOST);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// How many pieces of a client that sends one every so often are waited for, of a hundred.
    async fn n_taken(every: Duration, n_bytes: usize) -> usize {
        let mut patience = Patience::default();
        for n in 0..100 {
            if patience.wait_for(sleep(every)).await.is_none() {
                return n;
            }
            patience.came(n_bytes);
        }
        100
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stalls_or_trickles_is_given_up_and_a_slow_line_is_not() {
        let seconds = Duration::from_secs;
        assert_eq!(n_taken(seconds(31), 64 << 20).await, 0);
        // A byte now and then: a minute of waiting in all.
        assert_eq!(n_taken(seconds(29), 1).await, 2);
        assert_eq!(n_taken(seconds(21), 640 << 10).await, 4);
        assert_eq!(n_taken(seconds(20), 1280 << 10).await, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn much_at_once_buys_no_time_to_dawdle() {
        let mut patience = Patience::default();
        patience.came(64 << 20);
        let mut n_waits = 0;
        while patience
            .wait_for(sleep(Duration::from_secs(10)))
            .await
            .is_some()
        {
            n_waits += 1;
        }
        assert!(n_waits <= 6, "{n_waits}");
    }
}
