//! The keys of requests that are under way in this process.

use std::collections::HashSet;
use std::sync::Arc;

use carillon_core::idempotency::ScopedKey;
use parking_lot::Mutex;

/// All of them.
#[derive(Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<ScopedKey>>>);

/// The use of a key, which ends when this is dropped.
pub(crate) struct Turn {
    key: ScopedKey,
    all: Arc<Mutex<HashSet<ScopedKey>>>,
}

impl InFlight {
    /// Whether it is somebody's turn.
    pub(super) fn has(&self, key: &ScopedKey) -> bool {
        self.0.lock().contains(key)
    }

    /// The turn, unless it is somebody's.
    pub(super) fn take(&self, key: ScopedKey) -> Option<Turn> {
        let is_free = self.0.lock().insert(key.clone());
        is_free.then(|| Turn {
            key,
            all: Arc::clone(&self.0),
        })
    }
}

impl Turn {
    /// The key.
    pub fn key(&self) -> &ScopedKey {
        &self.key
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::id::ServiceId;
    use carillon_core::idempotency::IdempotencyKey;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_of_a_service_is_one_request_s_at_a_time() {
        let key = |service| ScopedKey {
            service_id: ServiceId(Uuid::from_u128(service)),
            key: IdempotencyKey::parse(b"k").unwrap(),
        };
        let in_flight = InFlight::default();
        let turn = in_flight.take(key(1)).unwrap();
        assert!(in_flight.has(&key(1)) && in_flight.take(key(1)).is_none());
        assert!(in_flight.take(key(2)).is_some());
        drop(turn);
        assert!(!in_flight.has(&key(1)) && in_flight.take(key(1)).is_some());
    }
}
