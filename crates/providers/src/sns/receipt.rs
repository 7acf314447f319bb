//! Receipts from SNS's delivery-status log of text messages.
//!
//! SNS writes an entry for each message into CloudWatch Logs, and a subscription of the log forwards
//! it to a topic. An entry knows nothing of our id: the message is found by SNS's.

use carillon_core::receipt::{Receipt, ReceiptKind};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;

use crate::sns_message::is_plain;

/// The provider's name in receipts, whatever the providers of kind `sns` are called here.
pub const PROVIDER: &str = "sns";

/// Why there is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an entry of SNS's delivery-status log")]
pub struct Unreadable;

#[derive(Deserialize)]
struct Entry {
    notification: Notification,
    delivery: Delivery,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    message_id: String,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    provider_response: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Forwarded {
    Many(Vec<Entry>),
    One(Entry),
}

/// The receipts of what was forwarded: one entry, or an array of them.
///
/// # Errors
/// When the text is neither.
pub fn receipts(text: &str) -> Result<Vec<Receipt>, Unreadable> {
    let entries = match serde_json::from_str(text).map_err(|_| Unreadable)? {
        Forwarded::Many(entries) => entries,
        Forwarded::One(entry) => vec![entry],
    };
    entries.iter().map(receipt).collect()
}

fn receipt(entry: &Entry) -> Result<Receipt, Unreadable> {
    let reference = &entry.notification.message_id;
    if !is_plain(reference) {
        return Err(Unreadable);
    }
    let response = entry.delivery.provider_response.as_deref();
    let (kind, subtype) = match entry.status.as_str() {
        "SUCCESS" => (ReceiptKind::Delivered, None),
        "FAILURE" => {
            let (kind, subtype) = failure(response.unwrap_or_default());
            (kind, Some(subtype.to_owned()))
        }
        _ => return Err(Unreadable),
    };
    Ok(Receipt {
        notification_id: None,
        event_id: format!("{reference}/{kind}"),
        provider: PROVIDER.to_owned(),
        reference: reference.clone(),
        kind,
        at: time(&entry.notification.timestamp)?,
        // The subtype says all that the response does.
        detail: None,
        subtype,
    })
}

/// SNS documents these sentences; any other is a failure for good.
fn failure(response: &str) -> (ReceiptKind, &'static str) {
    use ReceiptKind::{PermanentFailure, TemporaryFailure};
    const SENTENCES: [(&str, ReceiptKind, &str); 13] = [
        ("blocked as spam", PermanentFailure, "blocked-as-spam"),
        (
            "destination is on a blocked list",
            PermanentFailure,
            "destination-blocked",
        ),
        (
            "destination is blocked",
            PermanentFailure,
            "destination-blocked",
        ),
        ("invalid phone number", PermanentFailure, "invalid-number"),
        ("message body is invalid", PermanentFailure, "invalid-body"),
        (
            "phone carrier has blocked",
            TemporaryFailure,
            "carrier-blocked",
        ),
        (
            "phone carrier is currently unreachable",
            TemporaryFailure,
            "carrier-unreachable",
        ),
        ("phone has blocked", TemporaryFailure, "phone-blocked"),
        (
            "phone is on a blocked list",
            TemporaryFailure,
            "phone-blocked",
        ),
        (
            "phone is currently unreachable",
            PermanentFailure,
            "phone-unreachable",
        ),
        ("phone number is opted out", PermanentFailure, "opted-out"),
        ("exceed max price", TemporaryFailure, "max-price"),
        ("unknown error", PermanentFailure, "unknown-error"),
    ];
    let response = response.to_ascii_lowercase();
    let known = SENTENCES
        .iter()
        .find(|(words, ..)| response.contains(words));
    known.map_or((PermanentFailure, "unknown"), |(_, kind, subtype)| {
        (*kind, subtype)
    })
}

/// `2016-06-28 00:40:34.558` in UTC, as the log writes it, or RFC 3339.
fn time(text: &str) -> Result<DateTime<Utc>, Unreadable> {
    let plain = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    plain
        .map(|time| time.and_utc())
        .or_else(|_| text.parse())
        .map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReceiptKind::{Delivered, PermanentFailure, TemporaryFailure};
    use serde_json::{Value, json};

    fn entry(status: &str, response: &str) -> Value {
        json!({
            "notification": {"messageId": "sns-1", "timestamp": "2026-01-02 03:04:05.678"},
            "delivery": {
                "phoneCarrier": "A Carrier", "destination": "+447700900123",
                "providerResponse": response, "dwellTimeMs": 599,
            },
            "status": status,
        })
    }

    #[test]
    fn every_sentence_has_its_kind_and_subtype() {
        let unavailable = "is currently unreachable/unavailable";
        for (response, kind, subtype) in [
            (
                "Blocked as spam by phone carrier",
                PermanentFailure,
                "blocked-as-spam",
            ),
            (
                "Destination is on a blocked list",
                PermanentFailure,
                "destination-blocked",
            ),
            ("Invalid phone number", PermanentFailure, "invalid-number"),
            ("Message body is invalid", PermanentFailure, "invalid-body"),
            (
                "Phone carrier has blocked this message",
                TemporaryFailure,
                "carrier-blocked",
            ),
            (
                &format!("Phone carrier {unavailable}"),
                TemporaryFailure,
                "carrier-unreachable",
            ),
            ("Phone has blocked SMS", TemporaryFailure, "phone-blocked"),
            (
                "Phone is on a blocked list",
                TemporaryFailure,
                "phone-blocked",
            ),
            (
                &format!("Phone {unavailable}"),
                PermanentFailure,
                "phone-unreachable",
            ),
            ("Phone number is opted out", PermanentFailure, "opted-out"),
            (
                "This delivery would exceed max price",
                TemporaryFailure,
                "max-price",
            ),
            (
                "Unknown error attempting to reach phone",
                PermanentFailure,
                "unknown-error",
            ),
            ("Unhandled provider", PermanentFailure, "unknown"),
            ("+447700900123 is odd", PermanentFailure, "unknown"),
            ("", PermanentFailure, "unknown"),
        ] {
            let receipts = receipts(&entry("FAILURE", response).to_string()).unwrap();
            let expected = Receipt {
                notification_id: None,
                event_id: format!("sns-1/{kind}"),
                provider: "sns".into(),
                reference: "sns-1".into(),
                kind,
                at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
                detail: None,
                subtype: Some(subtype.into()),
            };
            assert_eq!(receipts, [expected], "{response}");
        }
    }

    #[test]
    fn success_is_delivery_and_entries_may_come_together() {
        let accepted = entry("SUCCESS", "Message has been accepted by phone carrier");
        let together = json!([accepted, entry("FAILURE", "")]);
        let receipts = receipts(&together.to_string()).unwrap();
        let kinds: Vec<_> = receipts.iter().map(|receipt| receipt.kind).collect();
        assert_eq!(kinds, [Delivered, PermanentFailure]);
        assert_eq!(receipts[0].subtype, None);
    }

    #[test]
    fn what_is_no_entry_is_told_apart() {
        let mut timeless = entry("SUCCESS", "");
        timeless["notification"]["timestamp"] = json!("yesterday");
        let mut nameless = entry("SUCCESS", "");
        nameless["notification"]["messageId"] = json!("");
        for text in [
            "hello".to_owned(),
            "{}".to_owned(),
            entry("PENDING", "").to_string(),
            timeless.to_string(),
            nameless.to_string(),
        ] {
            assert_eq!(receipts(&text), Err(Unreadable), "{text}");
        }
    }
}
