//! Whether there is anything more urgent than bulk to deliver.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Messages of the other lanes come one by one: between two of them they still have work.
const LASTS: Duration = Duration::from_secs(1);

/// When the lanes that bulk gives way to last started anything.
#[derive(Default)]
pub(crate) struct Urgency {
    last: Mutex<Option<Instant>>,
}

impl Urgency {
    /// Something urgent is being delivered.
    pub fn note(&self) {
        *self.last.lock() = Some(Instant::now());
    }

    /// Whether bulk is to give way.
    pub fn is_felt(&self) -> bool {
        self.last.lock().is_some_and(|at| at.elapsed() < LASTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_felt_for_a_while_and_then_forgotten() {
        let urgency = Urgency::default();
        assert!(!urgency.is_felt());
        urgency.note();
        tokio::time::advance(LASTS / 2).await;
        assert!(urgency.is_felt());
        tokio::time::advance(LASTS).await;
        assert!(!urgency.is_felt());
    }
}
