use serde_json::{Value, json};

use super::*;
use ReceiptKind::{Complaint, Delayed, Delivered, PermanentFailure, TemporaryFailure};

const ID: &str = "019a0000-0000-7000-8000-000000000001";
const TIME: &str = "2026-01-02T03:04:05.678Z";

fn event(kind: &str, more: &Value) -> Value {
    let mut event = json!({
        "eventType": kind,
        "mail": {
            "timestamp": "2026-01-02T03:04:00.000Z",
            "messageId": "0102-ses",
            "destination": ["amala@example.org"],
            "tags": {"carillon-id": [ID], "ses:from-domain": ["example.org"]},
        },
    });
    let fields = event.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event
}

fn bounce(kind: &str, subtype: &str) -> Value {
    event(
        "Bounce",
        &json!({"bounce": {
            "bounceType": kind, "bounceSubType": subtype, "timestamp": TIME, "feedbackId": "f-1",
            "bouncedRecipients": [{
                "emailAddress": "amala@example.org", "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 <amala@example.org>: no such user",
            }],
        }}),
    )
}

fn complaint(more: &Value) -> Value {
    let mut complaint = json!({
        "timestamp": TIME, "feedbackId": "f-2",
        "complainedRecipients": [{"emailAddress": "amala@example.org"}],
    });
    let fields = complaint.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event("Complaint", &json!({"complaint": complaint}))
}

/// (kind, subtype, detail, event id) of each receipt.
fn read(event: &Value) -> Vec<(ReceiptKind, Option<String>, Option<String>, String)> {
    let text = event.to_string();
    let receipts = receipts(&text).unwrap();
    assert_eq!(receipts, super::receipts(&text).unwrap(), "read twice");
    receipts
        .into_iter()
        .map(|receipt| {
            assert_eq!(receipt.notification_id.unwrap().to_string(), ID);
            assert_eq!(
                (receipt.reference.as_str(), receipt.provider.as_str()),
                ("0102-ses", "ses")
            );
            let json = serde_json::to_string(&receipt).unwrap();
            assert!(!json.contains("amala"), "personal data: {json}");
            (
                receipt.kind,
                receipt.subtype,
                receipt.detail,
                receipt.event_id,
            )
        })
        .collect()
}

#[test]
fn every_bounce_has_its_kind_and_subtype() {
    for (kind, subtype, expected) in [
        ("Permanent", "General", (PermanentFailure, "general")),
        ("Permanent", "NoEmail", (PermanentFailure, "no-email")),
        ("Permanent", "Suppressed", (PermanentFailure, "suppressed")),
        (
            "Permanent",
            "OnAccountSuppressionList",
            (PermanentFailure, "on-account-suppression-list"),
        ),
        (
            "Permanent",
            "UnsubscribedRecipient",
            (PermanentFailure, "unsubscribed-recipient"),
        ),
        ("Permanent", "Novel", (PermanentFailure, "unknown")),
        ("Transient", "General", (TemporaryFailure, "general")),
        (
            "Transient",
            "MailboxFull",
            (TemporaryFailure, "mailbox-full"),
        ),
        (
            "Transient",
            "MessageTooLarge",
            (TemporaryFailure, "message-too-large"),
        ),
        (
            "Transient",
            "ContentRejected",
            (TemporaryFailure, "content-rejected"),
        ),
        (
            "Transient",
            "AttachmentRejected",
            (TemporaryFailure, "attachment-rejected"),
        ),
        (
            "Undetermined",
            "Undetermined",
            (TemporaryFailure, "general"),
        ),
    ] {
        assert_eq!(
            read(&bounce(kind, subtype)),
            [(
                expected.0,
                Some(expected.1.to_owned()),
                Some("5.1.1".to_owned()),
                "0102-ses/bounce/f-1".to_owned()
            )],
            "{kind} {subtype}"
        );
    }
}

#[test]
fn a_delivery_is_told_at_its_own_time() {
    let delivery = event(
        "Delivery",
        &json!({"delivery": {
            "timestamp": TIME, "recipients": ["amala@example.org"],
            "smtpResponse": "250 2.6.0 <amala@example.org> queued",
        }}),
    );
    let expected = (
        Delivered,
        None,
        Some("2.6.0".to_owned()),
        "0102-ses/delivery/1767323045678".to_owned(),
    );
    assert_eq!(read(&delivery), [expected]);
    let receipt = &receipts(&delivery.to_string()).unwrap()[0];
    assert_eq!(receipt.at, TIME.parse::<DateTime<Utc>>().unwrap());
}

#[test]
fn a_complaint_names_its_feedback_and_the_account_s_list_is_a_failure_too() {
    let plain = (
        Complaint,
        Some("abuse".to_owned()),
        None,
        "0102-ses/complaint/f-2".to_owned(),
    );
    assert_eq!(
        read(&complaint(&json!({"complaintFeedbackType": "abuse"}))),
        [plain]
    );
    let listed = Some("on-account-suppression-list".to_owned());
    assert_eq!(
        read(&complaint(
            &json!({"complaintSubType": "OnAccountSuppressionList"})
        )),
        [
            (
                Complaint,
                listed.clone(),
                None,
                "0102-ses/complaint/f-2".to_owned()
            ),
            (
                PermanentFailure,
                listed,
                None,
                "0102-ses/complaint/f-2/failure".to_owned()
            ),
        ]
    );
    // Words of a stranger's report are not taken over.
    let strange = json!({"complaintFeedbackType": "amala@example.org"});
    assert_eq!(read(&complaint(&strange))[0].1, None);
}

#[test]
fn what_ses_never_sent_has_failed_for_good_and_a_delay_goes_on() {
    for (kind, subtype) in [
        ("Reject", "rejected"),
        ("Rendering Failure", "rendering-failure"),
        ("RenderingFailure", "rendering-failure"),
    ] {
        let expected = (
            PermanentFailure,
            Some(subtype.to_owned()),
            None,
            format!("0102-ses/{subtype}"),
        );
        let more = json!({"reject": {"reason": "Bad content"}});
        assert_eq!(read(&event(kind, &more)), [expected], "{kind}");
    }
    let delay = json!({"deliveryDelay": {
        "timestamp": TIME, "delayType": "MailboxFull",
        "delayedRecipients": [{"emailAddress": "amala@example.org", "status": "4.2.2"}],
    }});
    let expected = (
        Delayed,
        Some("mailbox-full".to_owned()),
        Some("4.2.2".to_owned()),
        "0102-ses/delivery-delay/1767323045678".to_owned(),
    );
    assert_eq!(read(&event("DeliveryDelay", &delay)), [expected]);
}

#[test]
fn what_changes_nothing_makes_no_receipt() {
    for kind in ["Send", "Open", "Click", "Subscription"] {
        assert_eq!(read(&event(kind, &json!({}))), [], "{kind}");
    }
    let greeting = "Successfully validated SNS topic for Amazon SES event publishing.";
    assert_eq!(receipts(greeting), Ok(Vec::new()));
}

#[test]
fn an_older_notification_is_read_and_found_by_its_reference() {
    let mut old = bounce("Permanent", "General");
    let fields = old.as_object_mut().unwrap();
    let kind = fields.remove("eventType").unwrap();
    fields.insert("notificationType".into(), kind);
    old["mail"].as_object_mut().unwrap().remove("tags");
    let receipts = receipts(&old.to_string()).unwrap();
    assert_eq!(receipts[0].notification_id, None);
    assert_eq!(receipts[0].reference, "0102-ses");
    assert_eq!(receipts[0].kind, PermanentFailure);
}

#[test]
fn what_is_no_event_is_told_apart() {
    let mut strange_id = bounce("Permanent", "General");
    strange_id["mail"]["messageId"] = json!("nul\u{0}");
    for text in [
        "{}".to_owned(),
        event("Bounce", &json!({})).to_string(),
        event("Novel", &json!({})).to_string(),
        strange_id.to_string(),
    ] {
        assert_eq!(receipts(&text), Err(Unreadable), "{text}");
    }
}
