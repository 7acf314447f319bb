//! What one process of the API has accepted, until it is written down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::minute_of;
use crate::id::{NotificationId, ServiceId};
use crate::lane::Lane;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The minute in the messages' ids.
    pub minute: DateTime<Utc>,
    /// The tenant.
    pub service_id: ServiceId,
    /// The lane.
    pub lane: Lane,
}

/// How much of a count is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    n: i64,
    n_written: i64,
}

/// The counts of one process: whole numbers that only grow, so that writing one twice is writing it
/// once.
#[derive(Debug, Default)]
pub struct Counts {
    lines: BTreeMap<Key, Count>,
}

/// A minute gets no more messages when it is so old.
const CLOSED_AFTER: chrono::Duration = chrono::Duration::minutes(5);

impl Counts {
    /// Counts one accepted message. An id without a time is none that the API minted.
    pub fn accepted(&mut self, id: NotificationId, service_id: ServiceId, lane: Lane) {
        let Some(at) = id.time() else { return };
        let minute = minute_of(at);
        let key = Key {
            minute,
            service_id,
            lane,
        };
        self.lines.entry(key).or_default().n += 1;
    }

    /// The oldest counts that have grown since they were written, at most so many: each whole, and
    /// how much of it was written before.
    #[must_use]
    pub fn unwritten(&self, limit: usize) -> Vec<(Key, i64, i64)> {
        self.lines
            .iter()
            .filter(|(_, count)| count.n > count.n_written)
            .map(|(key, count)| (*key, count.n, count.n_written))
            .take(limit)
            .collect()
    }

    /// Notes that these are written.
    pub fn written(&mut self, counts: &[(Key, i64, i64)]) {
        for (key, n, _) in counts {
            if let Some(count) = self.lines.get_mut(key) {
                count.n_written = count.n_written.max(*n);
            }
        }
    }

    /// Forgets what is written of minutes that get no more messages, and the oldest lines beyond
    /// `most`; returns how many messages of those were not written.
    pub fn forget(&mut self, now: DateTime<Utc>, most: usize) -> i64 {
        let closed = minute_of(now - CLOSED_AFTER);
        self.lines
            .retain(|key, count| key.minute >= closed || count.n > count.n_written);
        let mut n_lost = 0;
        while self.lines.len() > most {
            if let Some((_, count)) = self.lines.pop_first() {
                n_lost += count.n - count.n_written;
            }
        }
        n_lost
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SERVICE: ServiceId = ServiceId(Uuid::from_u128(1));

    fn id(at: DateTime<Utc>) -> NotificationId {
        NotificationId::of_job_row(crate::id::JobId(Uuid::from_u128(5)), at, 1)
    }

    #[test]
    fn a_count_is_written_whole_until_nothing_was_added() {
        let now = minute_of(crate::clock::now());
        let mut counts = Counts::default();
        for lane in [Lane::Normal, Lane::Normal, Lane::Bulk] {
            counts.accepted(id(now), SERVICE, lane);
        }
        let first = counts.unwritten(10);
        let n: Vec<_> = first.iter().map(|(_, n, before)| (*n, *before)).collect();
        assert_eq!(n, [(2, 0), (1, 0)]);
        counts.accepted(id(now), SERVICE, Lane::Normal);
        counts.written(&first);
        let next = counts.unwritten(10);
        assert_eq!(next.len(), 1);
        assert_eq!((next[0].1, next[0].2), (3, 2));
        counts.written(&next);
        assert_eq!(counts.unwritten(10), []);
    }

    #[test]
    fn what_is_not_written_is_kept_as_long_as_there_is_room() {
        let now = minute_of(crate::clock::now());
        let mut counts = Counts::default();
        for minutes in 0..10 {
            counts.accepted(
                id(now + chrono::Duration::minutes(minutes)),
                SERVICE,
                Lane::Bulk,
            );
        }
        let later = now + chrono::Duration::hours(1);
        counts.written(&counts.unwritten(4));
        assert_eq!(counts.forget(later, 10), 0);
        assert_eq!(counts.unwritten(10).len(), 6);
        assert_eq!(counts.forget(later, 4), 2);
        assert_eq!(counts.unwritten(10).len(), 4);
    }
}
