//! Ids. A notification's id is minted once, at accept, and carries its time.

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
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
