//! When a message that nobody works on counts as fallen out.

use std::time::Duration;

/// Between a message's coming out of its queue and its worker's first look at it.
const MARGIN: Duration = Duration::from_secs(30);

/// The longest that a worker may hold an id before the message's row says so: the poller rescues
/// what is older.
#[must_use]
pub fn grace(lease: Duration, unstarted_limit: Duration) -> Duration {
    lease + unstarted_limit + MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_its_lease_the_wait_before_it_and_a_margin() {
        let grace = grace(Duration::from_secs(60), Duration::from_secs(300));
        assert_eq!(grace, Duration::from_secs(390));
    }
}
