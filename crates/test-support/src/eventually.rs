//! Waiting for what has no event to wait for.

use std::time::{Duration, Instant};

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something, and returns it.
///
/// # Panics
/// When there is nothing by the deadline, naming `what`. A look that hangs counts as nothing.
pub async fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let from = Instant::now();
    loop {
        let left = deadline.saturating_sub(from.elapsed());
        // The last look may start at the deadline itself, but not outlast it by much.
        let patience = left.max(Duration::from_millis(500));
        if let Ok(Some(found)) = tokio::time::timeout(patience, look()).await {
            return found;
        }
        assert!(!left.is_zero(), "not within {deadline:?}: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_is_returned() {
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(5), async || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found.await, 3);
    }
}
