//! The queues, by the names operators see, and which message travels on which.

use crate::api_key::KeyType;
use crate::channel::Channel;
use crate::lane::Lane;

text_enum! {
    /// A queue. Declared by the broker crate's topology; an optional prefix isolates installations.
    pub enum Queue {
        /// Accept inbox, normal lane.
        Database = "database",
        /// Accept inbox, priority lane.
        DatabasePriority = "database-priority",
        /// Accept inbox, bulk lane.
        DatabaseBulk = "database-bulk",
        /// Accept inbox of high-volume services, e-mail.
        SaveApiEmail = "save-api-email",
        /// Accept inbox of high-volume services, SMS.
        SaveApiSms = "save-api-sms",
        /// Ids to deliver: e-mail.
        SendEmail = "send-email",
        /// Ids to deliver: SMS.
        SendSms = "send-sms",
        /// Ids to deliver: e-mail, bulk lane.
        SendEmailBulk = "send-email-bulk",
        /// Ids to deliver: SMS, bulk lane.
        SendSmsBulk = "send-sms-bulk",
        /// Ids to deliver: priority lane, both channels.
        Priority = "priority",
        /// Ids whose wait for a retry is over.
        Retry = "retry",
        /// Everything of test keys; goes to the sandbox whatever is configured.
        ResearchMode = "research-mode",
        /// Receipts for e-mail.
        SesCallbacks = "ses-callbacks",
        /// Receipts for SMS.
        SmsCallbacks = "sms-callbacks",
        /// Calls to services.
        Callbacks = "callbacks",
        /// Calls to services that failed before: they delay no first call.
        CallbacksRetry = "callbacks-retry",
        /// Jobs to go on with, a piece at a time.
        Jobs = "jobs",
    }
}

/// The accept inboxes: each holds the only copy of what was accepted. Each gets lane markers and has a
/// watermark, as [`Queue::marked`] says: the ledger knows by them when what it misses is nowhere.
pub const INBOXES: [Queue; 5] = [
    Queue::DatabasePriority,
    Queue::Database,
    Queue::SaveApiEmail,
    Queue::SaveApiSms,
    Queue::DatabaseBulk,
];

/// The queues whose ids are delivered; each gets lane markers and has a watermark, as do
/// [`CALLBACKS`] and [`Queue::Jobs`].
pub const DELIVERY: [Queue; 7] = [
    Queue::Priority,
    Queue::SendEmail,
    Queue::SendSms,
    Queue::Retry,
    Queue::ResearchMode,
    Queue::SendEmailBulk,
    Queue::SendSmsBulk,
];

/// The queues of receipts.
pub const RECEIPTS: [Queue; 2] = [Queue::SesCallbacks, Queue::SmsCallbacks];

/// The queues of calls to services.
pub const CALLBACKS: [Queue; 2] = [Queue::Callbacks, Queue::CallbacksRetry];

impl Queue {
    /// Every queue of ids: a lost message is found by its lane's watermark, and its rows are the
    /// truth.
    pub fn lanes() -> impl Iterator<Item = Self> {
        DELIVERY.into_iter().chain(CALLBACKS).chain([Self::Jobs])
    }

    /// Every queue that lane markers are put into.
    pub fn marked() -> impl Iterator<Item = Self> {
        Self::lanes().chain(INBOXES)
    }

    /// The accept inbox of a message.
    #[must_use]
    pub const fn inbox(channel: Channel, lane: Lane, high_volume: bool) -> Self {
        match (lane, high_volume, channel) {
            (Lane::Priority, _, _) => Self::DatabasePriority,
            (Lane::Normal, true, Channel::Email) => Self::SaveApiEmail,
            (Lane::Normal, true, Channel::Sms) => Self::SaveApiSms,
            (Lane::Normal, false, _) => Self::Database,
            (Lane::Bulk, _, _) => Self::DatabaseBulk,
        }
    }

    /// The queue a saved message is delivered from.
    #[must_use]
    pub const fn delivery(channel: Channel, lane: Lane, key_type: KeyType) -> Self {
        match (key_type, lane, channel) {
            (KeyType::Test, _, _) => Self::ResearchMode,
            (_, Lane::Priority, _) => Self::Priority,
            (_, Lane::Normal, Channel::Email) => Self::SendEmail,
            (_, Lane::Normal, Channel::Sms) => Self::SendSms,
            (_, Lane::Bulk, Channel::Email) => Self::SendEmailBulk,
            (_, Lane::Bulk, Channel::Sms) => Self::SendSmsBulk,
        }
    }

    /// The queue for receipts of a channel.
    #[must_use]
    pub const fn receipts(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::SesCallbacks,
            Channel::Sms => Self::SmsCallbacks,
        }
    }

    /// How urgent what is in it is.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Priority | Self::DatabasePriority => Lane::Priority,
            // Messages of test keys delay none that is meant.
            Self::SendEmailBulk | Self::SendSmsBulk | Self::DatabaseBulk | Self::ResearchMode => {
                Lane::Bulk
            }
            _ => Lane::Normal,
        }
    }

    /// Whether what is in it gives way to what is in others.
    #[must_use]
    pub const fn gives_way(self) -> bool {
        matches!(self.lane(), Lane::Bulk)
    }

    /// Where messages go that exceeded the delivery limit.
    #[must_use]
    pub fn dead(self) -> String {
        format!("{self}.dead")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_an_inbox_and_a_delivery_queue_of_the_right_kind() {
        for channel in Channel::ALL {
            for lane in Lane::ALL {
                for key_type in KeyType::ALL {
                    assert!(DELIVERY.contains(&Queue::delivery(*channel, *lane, *key_type)));
                }
                for high_volume in [false, true] {
                    assert!(INBOXES.contains(&Queue::inbox(*channel, *lane, high_volume)));
                }
            }
        }
    }

    #[test]
    fn a_message_travels_one_lane_from_accept_to_provider() {
        for channel in Channel::ALL {
            for lane in Lane::ALL {
                assert_eq!(Queue::inbox(*channel, *lane, false).lane(), *lane);
                let delivery = Queue::delivery(*channel, *lane, KeyType::Normal);
                assert_eq!(delivery.lane(), *lane);
            }
        }
    }

    #[test]
    fn a_test_key_s_message_never_leaves_the_sandbox_s_queue() {
        for lane in Lane::ALL {
            assert_eq!(
                Queue::delivery(Channel::Sms, *lane, KeyType::Test),
                Queue::ResearchMode
            );
        }
    }
}
