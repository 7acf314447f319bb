//! Taking things from a channel in batches.

use std::time::Duration;

use tokio::sync::mpsc;

/// The next batch: at least one item, at most `n_max`, waiting at most `wait` for company. `None`
/// when the senders are gone. Cancel-safe before the first item has come.
pub(crate) async fn next<T>(
    coming: &mut mpsc::Receiver<T>,
    n_max: usize,
    wait: Duration,
) -> Option<Vec<T>> {
    let mut batch = Vec::new();
    if coming.recv_many(&mut batch, n_max).await == 0 {
        return None;
    }
    let deadline = tokio::time::Instant::now() + wait;
    while batch.len() < n_max {
        let room = n_max - batch.len();
        let more = coming.recv_many(&mut batch, room);
        match tokio::time::timeout_at(deadline, more).await {
            Ok(n) if n > 0 => {}
            _ => break,
        }
    }
    Some(batch)
}
