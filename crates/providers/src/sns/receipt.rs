//! Receipts from SNS's delivery-status log of text messages.
//!
//! SNS writes an entry for each message into CloudWatch Logs, and a subscription of the log forwards
//! it to a topic. An entry knows nothing of our id: the message is found by SNS's.

use carillon_core::receipt::{Receipt, ReceiptKind};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::sns_message::is_plain;

/// The provider's name in receipts, whatever the providers of kind `sns` are called here.
pub const PROVIDER: &str = "sns";

/// What stands where an entry is expected and cannot be read. It may hold personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// No phone takes longer; a number beyond it is no duration.
const MOST_DWELL_MS: i64 = 7 * 24 * 3_600 * 1_000;

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
    /// When it was published.
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    provider_response: Option<String>,
    /// From publishing until the carrier had it, and until the phone said so, which few do.
    dwell_time_ms: Option<i64>,
    #[serde(rename = "dwellTimeMsUntilDeviceAck")]
    until_device_ack_ms: Option<i64>,
}

impl Delivery {
    /// From publishing until the fate of the message was known.
    fn dwell(&self) -> TimeDelta {
        let dwell_ms = self.until_device_ack_ms.or(self.dwell_time_ms);
        TimeDelta::milliseconds(dwell_ms.unwrap_or(0).clamp(0, MOST_DWELL_MS))
    }
}

/// Reads what was forwarded, one entry or an array of them, each by itself: one that cannot be read
/// takes nothing from its neighbours.
#[must_use]
pub fn receipts(text: &str) -> Vec<Result<Receipt, Unreadable>> {
    let read = |entry: Value| {
        let receipt = Entry::deserialize(&entry).ok().and_then(|e| receipt(&e));
        receipt.ok_or_else(|| Unreadable(entry.to_string()))
    };
    match serde_json::from_str(text) {
        Ok(Value::Array(entries)) => entries.into_iter().map(read).collect(),
        Ok(entry) => vec![read(entry)],
        Err(_) => vec![Err(Unreadable(text.to_owned()))],
    }
}

fn receipt(entry: &Entry) -> Option<Receipt> {
    let reference = &entry.notification.message_id;
    if !is_plain(reference) {
        return None;
    }
    let response = entry.delivery.provider_response.as_deref();
    let (kind, subtype) = match entry.status.as_str() {
        "SUCCESS" => (ReceiptKind::Delivered, None),
        "FAILURE" => {
            let (kind, subtype) = failure(response.unwrap_or_default());
            (kind, Some(subtype.to_owned()))
        }
        _ => return None,
    };
    Some(Receipt {
        notification_id: None,
        event_id: format!("{reference}/{kind}"),
        provider: PROVIDER.to_owned(),
        reference: reference.clone(),
        kind,
        at: time(&entry.notification.timestamp)?.checked_add_signed(entry.delivery.dwell())?,
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
fn time(text: &str) -> Option<DateTime<Utc>> {
    let plain = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    plain
        .map(|time| time.and_utc())
        .or_else(|_| text.parse())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReceiptKind::{Delivered, PermanentFailure, TemporaryFailure};
    use serde_json::json;

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

    fn read(forwarded: &Value) -> Vec<Receipt> {
        let read = receipts(&forwarded.to_string()).into_iter();
        read.map(|one| one.unwrap_or_else(|bad| panic!("{}", bad.0)))
            .collect()
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
            let receipts = read(&entry("FAILURE", response));
            let expected = Receipt {
                notification_id: None,
                event_id: format!("sns-1/{kind}"),
                provider: "sns".into(),
                reference: "sns-1".into(),
                kind,
                at: "2026-01-02T03:04:06.277Z".parse().unwrap(),
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
        let receipts = read(&together);
        let kinds: Vec<_> = receipts.iter().map(|receipt| receipt.kind).collect();
        assert_eq!(kinds, [Delivered, PermanentFailure]);
        assert_eq!(receipts[0].subtype, None);
    }

    #[test]
    fn a_message_ends_so_long_after_it_was_published_as_the_log_says() {
        let mut entry = entry("SUCCESS", "");
        for (dwell, ack, expected) in [
            (json!(599), json!(null), "2026-01-02T03:04:06.277Z"),
            (json!(599), json!(1_344), "2026-01-02T03:04:07.022Z"),
            (json!(null), json!(null), "2026-01-02T03:04:05.678Z"),
            (json!(-5), json!(null), "2026-01-02T03:04:05.678Z"),
            (json!(i64::MAX), json!(null), "2026-01-09T03:04:05.678Z"),
        ] {
            entry["delivery"]["dwellTimeMs"] = dwell;
            entry["delivery"]["dwellTimeMsUntilDeviceAck"] = ack;
            let expected: DateTime<Utc> = expected.parse().unwrap();
            assert_eq!(read(&entry)[0].at, expected, "{entry}");
        }
    }

    #[test]
    fn what_is_no_entry_is_handed_back_and_its_neighbours_are_read() {
        let mut timeless = entry("SUCCESS", "");
        timeless["notification"]["timestamp"] = json!("yesterday");
        let mut nameless = entry("SUCCESS", "");
        nameless["notification"]["messageId"] = json!("");
        let bad = [json!({}), entry("PENDING", ""), timeless, nameless];
        for one in &bad {
            let unread = receipts(&one.to_string());
            assert!(unread == [Err(Unreadable(one.to_string()))], "{one}");
        }
        assert!(receipts("hello") == [Err(Unreadable("hello".to_owned()))]);
        assert!(receipts("[]").is_empty());

        let mut together = vec![entry("SUCCESS", "")];
        together.extend(bad);
        together.push(entry("FAILURE", ""));
        let read = receipts(&Value::from(together).to_string());
        let is_read: Vec<bool> = read.iter().map(Result::is_ok).collect();
        assert_eq!(is_read, [true, false, false, false, false, true]);
    }
}
