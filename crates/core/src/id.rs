//! Ids. A notification's id is minted once, at accept, and carries its time.

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

id!(
    /// A service: the tenant.
    ServiceId
);
id!(
    /// An API key of a service.
    ApiKeyId
);
id!(
    /// A template of a service.
    TemplateId
);
id!(
    /// A reply-to address or SMS sender of a service.
    SenderId
);
id!(
    /// A job: many notifications of one request.
    JobId
);
id!(
    /// One outbound message. UUIDv7: primary key, partition key, AMQP id, idempotency key.
    NotificationId
);
id!(
    /// A service's registration of a URL that is told of changes.
    CallbackId
);
id!(
    /// One change that a service is told of; it is the call's `webhook-id`. Derived from the
    /// notification's id, whose time it carries.
    CallbackEventId
);

/// Mints an id for anything that is not partitioned.
#[must_use]
pub fn mint() -> Uuid {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that mints ids"
    )]
    Uuid::now_v7()
}

impl NotificationId {
    /// A new id carrying the host's time; ids of one process ascend.
    #[must_use]
    pub fn mint() -> Self {
        Self(mint())
    }

    /// The time in the id, to the millisecond; none when the id is not a UUIDv7.
    #[must_use]
    pub fn time(self) -> Option<DateTime<Utc>> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let bytes = self.0.as_u128() >> 80;
        let millis = i64::try_from(bytes).ok()?;
        Utc.timestamp_millis_opt(millis).single()
    }

    /// The day whose partition holds the row.
    #[must_use]
    pub fn day(self) -> Option<NaiveDate> {
        self.time().map(|t| t.date_naive())
    }

    /// The id of a job's row: a UUIDv7 whose time is the job's first start, followed by 20 bits of
    /// the row's number and 54 of a digest over job and row. The same for the same row, so that
    /// saving it twice is saving it once, and ascending with the rows (house rule 6).
    #[must_use]
    pub fn of_job_row(job: JobId, started_at: DateTime<Utc>, row: u32) -> Self {
        let mut digest = Sha256::new();
        digest.update(job.0.as_bytes());
        digest.update(row.to_be_bytes());
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest.finalize());
        let digest = u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 10);
        let row = u128::from(row & 0xF_FFFF);
        let random = (row << 54) | digest;
        let (high, low) = (random >> 62, random & ((1 << 62) - 1));
        let version_and_variant = (0x7 << 76) | (0b10 << 62);
        let Self(time) = Self::lower_bound(started_at);
        Self(Uuid::from_u128(
            time.as_u128() | version_and_variant | (high << 64) | low,
        ))
    }

    /// The smallest id of a moment: the lower bound for "since".
    #[must_use]
    pub fn lower_bound(at: DateTime<Utc>) -> Self {
        let millis = u128::from(at.timestamp_millis().max(0).unsigned_abs());
        Self(Uuid::from_u128(millis << 80))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minted_id_carries_its_time() {
        let before = crate::clock::now();
        let id = NotificationId::mint();
        let time = id.time().unwrap();
        assert!((time - before).num_milliseconds().abs() < 1_000);
        assert_eq!(id.day(), Some(time.date_naive()));
    }

    #[test]
    fn a_random_uuid_has_no_time() {
        assert_eq!(NotificationId(Uuid::new_v4()).time(), None);
    }

    proptest! {
        #[test]
        fn ids_of_a_job_s_rows_are_of_its_start_and_ascend_with_the_rows(
            job in any::<u128>(), millis in 0i64..4_000_000_000_000, row in 1u32..(1 << 20) - 1,
        ) {
            let (job, at) = (JobId(Uuid::from_u128(job)), Utc.timestamp_millis_opt(millis).unwrap());
            let id = NotificationId::of_job_row(job, at, row);
            prop_assert_eq!(id.time(), Some(at));
            prop_assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(NotificationId::of_job_row(job, at, row), id);
            prop_assert!(id < NotificationId::of_job_row(job, at, row + 1));
            let other = JobId(Uuid::from_u128(job.0.as_u128() ^ 1));
            prop_assert_ne!(NotificationId::of_job_row(other, at, row), id);
        }

        #[test]
        fn a_lower_bound_is_below_every_id_of_its_moment(millis in 0i64..4_000_000_000_000) {
            let at = Utc.timestamp_millis_opt(millis).unwrap();
            let bound = NotificationId::lower_bound(at);
            let next = NotificationId::lower_bound(at + chrono::Duration::milliseconds(1));
            prop_assert!(bound < next);
            let uuid = uuid::Builder::from_unix_timestamp_millis(millis as u64, &[7; 10]).into_uuid();
            prop_assert!(bound <= NotificationId(uuid) && NotificationId(uuid) < next);
        }
    }
}
