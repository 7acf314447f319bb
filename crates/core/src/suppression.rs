//! Suppression: whom a service does not send to, and why.
//!
//! A receipt that shows an address to be dead, or its owner unwilling, puts it on the service's
//! list; people put addresses on it and lift them. What is on the list is not handed to a provider.

pub mod list;

use crate::api_key::KeyType;
use crate::channel::Channel;
use crate::reason::Reason;
use crate::receipt::ReceiptKind;

text_enum! {
    /// Why a recipient is on a service's list. One recipient may be on it for several reasons.
    pub enum SuppressionReason {
        /// The address does not exist or takes no mail.
        HardBounce = "hard-bounce",
        /// The recipient reported a message as unwanted.
        Complaint = "complaint",
        /// The recipient wants no more messages.
        Unsubscribed = "unsubscribed",
        /// Somebody put it there.
        Manual = "manual",
    }
}

impl SuppressionReason {
    /// The timeline's reason for a message that is not sent because of it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::HardBounce => Reason::SuppressedHardBounce,
            Self::Complaint => Reason::SuppressedComplaint,
            Self::Unsubscribed => Reason::SuppressedUnsubscribed,
            Self::Manual => Reason::SuppressedManual,
        }
    }
}

/// The mailboxes of the simulator.
const SIMULATED_DOMAIN: &str = "@simulator.notify";
/// How the simulator's numbers begin: 07700 900000 to 900099, which nobody owns.
const SIMULATED_NUMBERS: &str = "+4477009000";

/// Permanent failures that are the message's fault and not the address's.
const NOT_THE_ADDRESS: [&str; 5] = [
    "rejected",
    "rendering-failure",
    "content-rejected",
    "attachment-rejected",
    "message-too-large",
];

/// The form in which recipients are compared on the list, of a recipient already normalised: an
/// e-mail address in small letters (of ASCII; it has no others before its `@`), a number as it is.
#[must_use]
pub fn comparable(channel: Channel, recipient: &str) -> String {
    match channel {
        Channel::Email => recipient.to_ascii_lowercase(),
        Channel::Sms => recipient.to_owned(),
    }
}

/// Whether a normalised recipient is one of the simulator's. Those exist to fail again and again:
/// receipts never put them on a list, and the list is not asked about them.
#[must_use]
pub fn is_simulated(channel: Channel, recipient: &str) -> bool {
    match channel {
        Channel::Email => comparable(channel, recipient).ends_with(SIMULATED_DOMAIN),
        Channel::Sms => recipient.starts_with(SIMULATED_NUMBERS),
    }
}

/// The simulator's recipients as patterns of SQL's `LIKE`, for statements that decide by them.
#[must_use]
pub fn simulated_patterns() -> [String; 2] {
    [
        format!("%{SIMULATED_DOMAIN}"),
        format!("{SIMULATED_NUMBERS}%"),
    ]
}

/// Whether a message may be kept from its recipient by the list. A test key's never is: it goes to
/// nobody.
#[must_use]
pub fn is_asked(key_type: KeyType, channel: Channel, recipient: &str) -> bool {
    key_type != KeyType::Test && !is_simulated(channel, recipient)
}

/// The reason for which a receipt puts its recipient on the list; `None` for most. `subtype` is the
/// receipt's finer kind.
#[must_use]
pub fn of_receipt(
    channel: Channel,
    kind: ReceiptKind,
    subtype: Option<&str>,
) -> Option<SuppressionReason> {
    match (channel, kind, subtype) {
        (Channel::Email, ReceiptKind::Complaint, _) => Some(SuppressionReason::Complaint),
        // The provider's own list of those who want no more.
        (Channel::Email, ReceiptKind::PermanentFailure, Some("unsubscribed-recipient"))
        | (Channel::Sms, _, Some("opted-out")) => Some(SuppressionReason::Unsubscribed),
        (Channel::Email, ReceiptKind::PermanentFailure, subtype)
            if !subtype.is_some_and(|subtype| NOT_THE_ADDRESS.contains(&subtype)) =>
        {
            Some(SuppressionReason::HardBounce)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_bounce_and_a_complaint_suppress_and_a_full_mailbox_does_not() {
        let of = |kind, subtype| of_receipt(Channel::Email, kind, subtype);
        let bounce = ReceiptKind::PermanentFailure;
        for subtype in [None, Some("general"), Some("no-email"), Some("suppressed")] {
            assert_eq!(of(bounce, subtype), Some(SuppressionReason::HardBounce));
        }
        let complaint = Some(SuppressionReason::Complaint);
        assert_eq!(of(ReceiptKind::Complaint, Some("abuse")), complaint);
        for kind in [
            ReceiptKind::TemporaryFailure,
            ReceiptKind::Delayed,
            ReceiptKind::Delivered,
        ] {
            assert_eq!(of(kind, Some("mailbox-full")), None);
        }
    }

    #[test]
    fn a_message_refused_for_its_content_says_nothing_of_the_address() {
        for subtype in NOT_THE_ADDRESS {
            let kind = ReceiptKind::PermanentFailure;
            assert_eq!(of_receipt(Channel::Email, kind, Some(subtype)), None);
        }
    }

    #[test]
    fn a_recipient_who_unsubscribed_at_the_provider_is_unsubscribed_and_not_dead() {
        let of = |kind| of_receipt(Channel::Email, kind, Some("unsubscribed-recipient"));
        assert_eq!(
            of(ReceiptKind::PermanentFailure),
            Some(SuppressionReason::Unsubscribed)
        );
        assert_eq!(of(ReceiptKind::TemporaryFailure), None);
    }

    #[test]
    fn a_text_suppresses_only_when_its_recipient_opted_out() {
        for kind in ReceiptKind::ALL {
            let of = |subtype| of_receipt(Channel::Sms, *kind, subtype);
            assert_eq!(of(Some("opted-out")), Some(SuppressionReason::Unsubscribed));
            assert_eq!(of(None), None);
            assert_eq!(of(Some("general")), None);
        }
    }

    #[test]
    fn the_simulator_s_recipients_and_a_test_key_s_are_never_asked_about() {
        let simulated = [
            (Channel::Email, "perm-fail@simulator.notify"),
            (Channel::Email, "Perm-Fail@SIMULATOR.Notify"),
            (Channel::Sms, "+447700900002"),
            (Channel::Sms, "+447700900003"),
        ];
        for (channel, recipient) in simulated {
            assert!(is_simulated(channel, recipient), "{recipient}");
            assert!(!is_asked(KeyType::Normal, channel, recipient));
        }
        let real = [
            (Channel::Email, "a@simulator.notify.example"),
            (Channel::Email, "simulator.notify@example.org"),
            (Channel::Sms, "+447700900123"),
            (Channel::Sms, "+447911123456"),
        ];
        for (channel, recipient) in real {
            assert!(!is_simulated(channel, recipient), "{recipient}");
            assert!(is_asked(KeyType::Normal, channel, recipient));
            assert!(is_asked(KeyType::Team, channel, recipient));
            assert!(!is_asked(KeyType::Test, channel, recipient));
        }
    }

    #[test]
    fn addresses_are_compared_without_regard_to_capitals() {
        let upper = comparable(Channel::Email, "Ada@Example.org");
        assert_eq!(upper, comparable(Channel::Email, "aDA@example.ORG"));
        assert_eq!(comparable(Channel::Sms, "+447911123456"), "+447911123456");
    }

    #[test]
    fn every_reason_has_a_reason_of_its_own_on_the_timeline() {
        for reason in SuppressionReason::ALL {
            assert_eq!(reason.reason().as_str(), format!("suppressed-{reason}"));
        }
    }
}
