//! What is held of jobs that are being made, bounded over all requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in these; a request that has begun holds one.
const UNIT: usize = 1 << 20;

/// Whoever gets no memory for so long is sent away.
const WITHIN: Duration = Duration::from_secs(5);

/// The memory of all requests.
pub(crate) struct Memory {
    units: Arc<Semaphore>,
    n_units: usize,
}

/// The part of one request. It is given back when this is dropped.
pub(crate) struct Held {
    units: Arc<Semaphore>,
    n_units: usize,
    permit: OwnedSemaphorePermit,
}

/// Others hold it, and went on to for seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no memory within {WITHIN:?}")]
pub(crate) struct NoMemory;

impl Memory {
    pub fn new(n_bytes: usize) -> Self {
        let n_units = n_bytes.div_ceil(UNIT);
        Self {
            units: Arc::new(Semaphore::new(n_units)),
            n_units,
        }
    }

    /// A part for a request that begins.
    pub async fn hold(&self) -> Result<Held, NoMemory> {
        Ok(Held {
            permit: acquire(&self.units, 1).await?,
            units: Arc::clone(&self.units),
            n_units: self.n_units,
        })
    }
}

impl Held {
    /// Grows to so many bytes, if it is smaller. What needs more than there is takes all of it, and
    /// goes by alone.
    pub async fn cover(&mut self, n_bytes: usize) -> Result<(), NoMemory> {
        if let Some(n_units) = self.lacks(n_bytes) {
            self.permit.merge(acquire(&self.units, n_units).await?);
        }
        Ok(())
    }

    /// [`Held::cover`] for a thread that may block, which must be one of a runtime.
    pub fn cover_blocking(&mut self, n_bytes: usize) -> Result<(), NoMemory> {
        match self.lacks(n_bytes) {
            None => Ok(()),
            Some(_) => Handle::current().block_on(self.cover(n_bytes)),
        }
    }

    fn lacks(&self, n_bytes: usize) -> Option<u32> {
        let wanted = n_bytes.div_ceil(UNIT).min(self.n_units);
        let lacking = wanted.saturating_sub(self.permit.num_permits());
        u32::try_from(lacking).ok().filter(|n| *n > 0)
    }
}

async fn acquire(units: &Arc<Semaphore>, n_units: u32) -> Result<OwnedSemaphorePermit, NoMemory> {
    let permit = Arc::clone(units).acquire_many_owned(n_units);
    // It is never closed.
    match tokio::time::timeout(WITHIN, permit).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(NoMemory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_none_waits_for_seconds_and_is_sent_away() {
        let memory = Memory::new(4 * UNIT);
        let mut first = memory.hold().await.unwrap();
        first.cover(3 * UNIT + 1).await.unwrap();
        assert!(memory.hold().await.is_err());
        drop(first);
        assert!(memory.hold().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_covered_costs_nothing_again() {
        let memory = Memory::new(4 * UNIT);
        let mut held = memory.hold().await.unwrap();
        for n_bytes in [UNIT, 2 * UNIT, UNIT, 2 * UNIT] {
            held.cover(n_bytes).await.unwrap();
        }
        assert_eq!(memory.units.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_all_goes_by_alone() {
        let memory = Memory::new(2 * UNIT);
        let mut large = memory.hold().await.unwrap();
        large.cover(100 * UNIT).await.unwrap();
        assert!(memory.hold().await.is_err());
    }

    #[tokio::test]
    async fn a_thread_that_blocks_gets_it_too() {
        let memory = Memory::new(2 * UNIT);
        let mut held = memory.hold().await.unwrap();
        let grown = tokio::task::spawn_blocking(move || held.cover_blocking(2 * UNIT)).await;
        assert_eq!(grown.unwrap(), Ok(()));
        assert_eq!(memory.units.available_permits(), 2);
    }
}
