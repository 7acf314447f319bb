//! A cache that is fresh while PostgreSQL answers and patient while it does not.
//!
//! An entry is read again once it is half as old as it may be, by one request, while the others
//! use what is there; so a revoked key is refused within `fresh`. When PostgreSQL is away the last
//! answer serves for at most `stale`.

use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_store::Error;
use parking_lot::RwLock;

/// Values by key; what does not exist is remembered too, so that guessing ids costs the database
/// one look a second.
pub(crate) struct Cache<K, V> {
    entries: moka::sync::Cache<K, Arc<Entry<V>>>,
    fresh: Duration,
    stale: Duration,
}

struct Entry<V> {
    known: RwLock<Known<V>>,
    /// Held by whoever reads the value again.
    reading: tokio::sync::Mutex<()>,
}

struct Known<V> {
    /// When it was read, and what was there.
    value: Option<(Instant, Option<Arc<V>>)>,
    failed_at: Option<Instant>,
}

/// The most keys remembered.
const CAPACITY: u64 = 100_000;
/// A read that takes longer counts as failed where there is a value to fall back on: the request
/// must not wait for a stalled database …
const REREAD_WITHIN: Duration = Duration::from_millis(400);
/// … and a first read, which may have to connect, when it takes longer than this.
const FIRST_READ_WITHIN: Duration = Duration::from_secs(1);
/// After a failed read the last value serves this long before the next try.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl<K: Hash + Eq + Send + Sync + 'static, V: Send + Sync + 'static> Cache<K, V> {
    pub fn new(fresh: Duration, stale: Duration) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_idle(stale.max(fresh))
            .build();
        Self {
            entries,
            fresh,
            stale,
        }
    }

    /// The value of a key, read with `read` when it must be; `None` when it does not exist.
    pub async fn get(
        &self,
        key: K,
        read: impl Future<Output = carillon_store::Result<V>>,
    ) -> Result<Option<Arc<V>>, Error> {
        let entry = self.entries.get_with(key, || {
            let known = RwLock::new(Known {
                value: None,
                failed_at: None,
            });
            Arc::new(Entry {
                known,
                reading: tokio::sync::Mutex::new(()),
            })
        });
        if let Some(value) = self.usable(&entry, self.fresh / 2) {
            return Ok(value);
        }
        if entry.has_just_failed_without_value() {
            return Err(Error::Unavailable("no answer a moment ago".to_owned()));
        }
        let _reading = match self.usable(&entry, self.fresh) {
            // Fresh enough for everyone but the one who reads it again.
            Some(value) => match entry.reading.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(value),
            },
            None => entry.reading.lock().await,
        };
        // Another request may have read it while this one waited.
        if let Some(value) = self.usable(&entry, self.fresh / 2) {
            return Ok(value);
        }
        if entry.has_just_failed_without_value() {
            return Err(Error::Unavailable("no answer a moment ago".to_owned()));
        }
        let is_first = entry.known.read().value.is_none();
        let within = if is_first {
            FIRST_READ_WITHIN
        } else {
            REREAD_WITHIN
        };
        let error = match tokio::time::timeout(within, read).await {
            Ok(Ok(value)) => return Ok(entry.learn(Some(Arc::new(value)))),
            Ok(Err(Error::Gone)) => return Ok(entry.learn(None)),
            Ok(Err(error)) => error,
            Err(_) => Error::Unavailable("no answer in time".to_owned()),
        };
        entry.known.write().failed_at = Some(Instant::now());
        match &entry.known.read().value {
            Some((at, value)) if at.elapsed() < self.stale => Ok(value.clone()),
            _ => Err(error),
        }
    }

    /// What is known and younger than `age`; or, just after a failed read, not yet stale.
    fn usable(&self, entry: &Entry<V>, age: Duration) -> Option<Option<Arc<V>>> {
        let known = entry.known.read();
        let just_failed = known
            .failed_at
            .is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER);
        let age = if just_failed { self.stale } else { age };
        known
            .value
            .as_ref()
            .filter(|(at, _)| at.elapsed() < age)
            .map(|(_, value)| value.clone())
    }
}

impl<V> Entry<V> {
    /// Whether asking again would only add to the queue before a database that is away.
    fn has_just_failed_without_value(&self) -> bool {
        let known = self.known.read();
        known.value.is_none()
            && known
                .failed_at
                .is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER)
    }

    fn learn(&self, value: Option<Arc<V>>) -> Option<Arc<V>> {
        *self.known.write() = Known {
            value: Some((Instant::now(), value.clone())),
            failed_at: None,
        };
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn away<V>() -> carillon_store::Result<V> {
        Err(Error::Unavailable("away".into()))
    }

    #[tokio::test]
    async fn a_fresh_value_is_not_read_again_and_an_old_one_is() {
        let cache = Cache::<u8, u32>::new(Duration::from_millis(40), Duration::from_secs(9));
        let reads = AtomicU32::new(0);
        let read = || async { Ok(reads.fetch_add(1, Ordering::SeqCst)) };
        assert_eq!(cache.get(1, read()).await.unwrap().as_deref(), Some(&0));
        assert_eq!(cache.get(1, read()).await.unwrap().as_deref(), Some(&0));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(cache.get(1, read()).await.unwrap().as_deref(), Some(&1));
    }

    #[tokio::test]
    async fn while_the_database_is_away_the_last_value_serves_until_it_is_stale() {
        let cache = Cache::<u8, u32>::new(Duration::ZERO, Duration::from_millis(80));
        assert!(cache.get(9, async { away() }).await.is_err());
        // Not asked again at once: the queue before the database would only grow.
        assert!(cache.get(9, async { Ok(7) }).await.is_err());
        cache.get(1, async { Ok(7) }).await.unwrap();
        assert_eq!(
            cache.get(1, async { away() }).await.unwrap().as_deref(),
            Some(&7)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(cache.get(1, async { away() }).await.is_err());
    }

    #[tokio::test]
    async fn what_does_not_exist_is_remembered() {
        let cache = Cache::<u8, u32>::new(Duration::from_secs(1), Duration::from_secs(9));
        assert_eq!(
            cache.get(1, async { Err(Error::Gone) }).await.unwrap(),
            None
        );
        assert_eq!(cache.get(1, async { Ok(7) }).await.unwrap(), None);
    }
}
