//! How many mailings of one service are taken at the same time: whoever sends slowly, or many, keeps
//! no other service from sending.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carillon_core::id::ServiceId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Mailings of one service that one process takes at the same time.
const AT_ONCE: usize = 4;

/// One more waits for so long and is then sent away.
const WITHIN: Duration = Duration::from_secs(10);

/// The uploads of all services.
#[derive(Default)]
pub(crate) struct Uploads(Arc<Mutex<HashMap<ServiceId, Arc<Semaphore>>>>);

/// One upload, which ends when this is dropped.
pub(crate) struct Upload {
    // Holds the places too, so it goes before these are counted.
    _permit: OwnedSemaphorePermit,
    _of: Waiting,
}

/// Whoever has begun or wants to; the last one of a service leaves nothing behind.
struct Waiting {
    service_id: ServiceId,
    places: Arc<Semaphore>,
    all: Arc<Mutex<HashMap<ServiceId, Arc<Semaphore>>>>,
}

/// The service has as many as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{AT_ONCE} mailings of the service are being taken already")]
pub(crate) struct TooManyUploads;

impl Uploads {
    /// Waits for a place, but not for long.
    pub async fn begin(&self, service_id: ServiceId) -> Result<Upload, TooManyUploads> {
        let places = || Arc::new(Semaphore::new(AT_ONCE));
        let places = Arc::clone(self.0.lock().entry(service_id).or_insert_with(places));
        let of = Waiting {
            service_id,
            places,
            all: Arc::clone(&self.0),
        };
        let place = Arc::clone(&of.places).acquire_owned();
        // It is never closed.
        match tokio::time::timeout(WITHIN, place).await {
            Ok(Ok(permit)) => Ok(Upload {
                _permit: permit,
                _of: of,
            }),
            Ok(Err(_)) | Err(_) => Err(TooManyUploads),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        // Nobody takes another while the lock is held: one is ours, one the map's.
        if Arc::strong_count(&self.places) <= 2 {
            all.remove(&self.service_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ELY: ServiceId = ServiceId(Uuid::from_u128(1));
    const WELLS: ServiceId = ServiceId(Uuid::from_u128(2));

    #[tokio::test(start_paused = true)]
    async fn a_service_that_takes_all_its_places_waits_and_no_other_does() {
        let uploads = Uploads::default();
        let mut begun = Vec::new();
        for _ in 0..AT_ONCE {
            begun.push(uploads.begin(ELY).await.unwrap());
        }
        assert!(uploads.begin(ELY).await.is_err());
        assert!(uploads.begin(WELLS).await.is_ok());
        let (next, ()) = tokio::join!(uploads.begin(ELY), async {
            tokio::time::sleep(WITHIN / 2).await;
            begun.pop();
        });
        assert!(next.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_of_a_service_that_has_done() {
        let uploads = Uploads::default();
        let first = uploads.begin(ELY).await.unwrap();
        let second = uploads.begin(ELY).await.unwrap();
        drop(first);
        assert_eq!(uploads.0.lock().len(), 1);
        drop(second);
        assert_eq!(uploads.0.lock().len(), 0);
    }
}
