//! SES over the wire: moto for what it does, scripts for what it only documents.

use std::time::Duration;

use carillon_core::provider::SesSettings;
use carillon_test_support::{Moto, Step, WireFault};
use serde_json::{Value, json};

use super::*;
use crate::aws::tests::{email, keys, ses, ses_error};
use crate::outgoing::Content;

const AMPLE: Duration = Duration::from_secs(30);

/// The JSON that a request carries.
fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn an_accepted_message_is_at_ses_with_our_id_and_both_parts() {
    let moto = Moto::start().await;
    let ses = ses(moto.url(), AMPLE).await;
    let verified = ses
        .client
        .create_email_identity()
        .email_identity("clinic@example.org");
    verified.send().await.unwrap();
    let message = email();
    let outcome = ses.send(&message).await;
    let data = moto.data().await;
    let [kept] = data["ses"]["RawMessage"].as_array().unwrap().as_slice() else {
        panic!("{data}");
    };
    let reference = kept["id"].as_str().unwrap().to_owned();
    assert_eq!(outcome, Outcome::Accepted { reference });
    assert_eq!(kept["source"], "clinic@example.org");
    let raw = kept["raw_data"].as_str().unwrap();
    for expected in [
        message.id.to_string().as_str(),
        "Subject: See you soon",
        "text/plain",
        "text/html",
        "<p>Come at nine.</p>",
    ] {
        assert!(raw.contains(expected), "{expected} is not in {raw}");
    }
    moto.reset().await;
    let emptied = moto.data().await;
    assert!(
        !emptied.to_string().contains(&message.id.to_string()),
        "{emptied}"
    );
}

#[tokio::test]
async fn what_ses_says_about_the_account_fails_and_its_words_stay_with_it() {
    for (text, expected, advice) in [
        (
            "Email address is not verified. The following identities failed the check in region \
             EU-WEST-1: amala@example.com",
            "failed",
            "verify the sender's address or domain",
        ),
        (
            "Sending paused for this account. Look into the inbox of amala@example.com.",
            "failed",
            "resume it",
        ),
        (
            "The message to amala@example.com has suspicious content",
            "rejected",
            "look at its content",
        ),
    ] {
        let server = WireFault::start([ses_error(400, "MessageRejected", text)]).await;
        let outcome = ses(&server.url(), AMPLE).await.send(&email()).await;
        assert_eq!(outcome.name(), expected, "{text}");
        let detail = outcome.detail().unwrap_or_default();
        assert!(detail.starts_with("MessageRejected: "), "{detail}");
        assert!(detail.contains(advice), "{detail}");
        assert!(!format!("{outcome:?}").contains("amala"), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_request_names_envelope_tags_and_configuration_set() {
    let taken = Step::answer(200, "application/json", r#"{"MessageId":"0102-a"}"#);
    let server = WireFault::start([taken]).await;
    let settings = SesSettings {
        region: Some("eu-west-1".into()),
        configuration_set: Some("receipts".into()),
    };
    let url = server.url();
    let ses = Ses::at(Some(&url), "ses", &settings, Some(&keys()), AMPLE).await;
    let message = email();
    let reference = "0102-a".to_owned();
    assert_eq!(
        ses.unwrap().send(&message).await,
        Outcome::Accepted { reference }
    );
    let request = server.requests().remove(0);
    let signed = "Credential=AKIDEXAMPLE/";
    assert!(
        request.contains(signed) && request.contains("/eu-west-1/ses/"),
        "{request}"
    );
    let mut body = body(&request);
    let raw = body["Content"]["Raw"]["Data"].take();
    assert!(raw.is_string(), "{raw}");
    assert_eq!(
        body,
        json!({
            "FromEmailAddress": "clinic@example.org",
            "Destination": { "ToAddresses": ["amala@example.com"] },
            "Content": { "Raw": { "Data": null } },
            "EmailTags": [
                { "Name": "carillon-id", "Value": message.id },
                { "Name": "carillon-attempt", "Value": "2" },
            ],
            "ConfigurationSetName": "receipts",
        })
    );
}

#[tokio::test]
async fn references_are_kept_only_where_no_configuration_set_brings_our_tags_back() {
    for (configuration_set, expected) in [
        (None, Some(ProviderKind::Ses)),
        (Some("receipts".to_owned()), None),
    ] {
        let settings = SesSettings {
            region: Some("eu-west-1".into()),
            configuration_set,
        };
        let ses = Ses::at(None, "ses", &settings, Some(&keys()), AMPLE).await;
        assert_eq!(ses.unwrap().reports_by_reference(), expected);
    }
    assert_eq!(ProviderKind::Ses.as_str(), event::PROVIDER);
}

#[tokio::test]
async fn an_address_that_needs_smtputf8_is_rejected_without_a_request() {
    let server = WireFault::start([Step::Hang]).await;
    let ses = ses(&server.url(), AMPLE).await;
    let mut message = email();
    message.recipient = "zoë@example.com".into();
    let outcome = ses.send(&message).await;
    assert_eq!(outcome.name(), "rejected", "{outcome:?}");
    let Content::Email { from_address, .. } = &mut message.content else {
        panic!("an e-mail is an e-mail");
    };
    *from_address = "no address".into();
    let outcome = ses.send(&message).await;
    assert_eq!(outcome.name(), "rejected", "{outcome:?}");
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn a_probe_asks_whether_the_account_may_send() {
    let account = |enabled: bool, status: &str| {
        let body = json!({ "SendingEnabled": enabled, "EnforcementStatus": status });
        Step::answer(200, "application/json", body.to_string())
    };
    let server = WireFault::start([
        account(true, "HEALTHY"),
        account(true, "PROBATION"),
        account(false, "HEALTHY"),
        account(false, "SHUTDOWN"),
        ses_error(403, "SignatureDoesNotMatch", "for AKIDEXAMPLE"),
        ses_error(
            403,
            "AccessDeniedException",
            "User: arn:aws:iam::1 is not authorized",
        ),
    ])
    .await;
    let ses = ses(&server.url(), AMPLE).await;
    for expected in [
        None,
        None,
        Some("sending is switched off"),
        Some("SES has shut down"),
        Some("SignatureDoesNotMatch: "),
        Some("AccessDeniedException: "),
    ] {
        let what = ses.probe().await.err().map(|unreachable| unreachable.what);
        match (&what, expected) {
            (None, None) => {}
            (Some(what), Some(begins)) if what.starts_with(begins) => {}
            _ => panic!("{what:?} instead of {expected:?}"),
        }
    }
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.starts_with("GET /v2/email/account ")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn the_account_says_how_much_it_may_send_in_a_second() {
    let account = |quota: Value| {
        let body = json!({ "SendingEnabled": true, "SendQuota": quota });
        Step::answer(200, "application/json", body.to_string())
    };
    let server = WireFault::start([
        account(json!({ "MaxSendRate": 14.0, "Max24HourSend": 50_000.0 })),
        account(json!({ "MaxSendRate": 0.0 })),
        account(Value::Null),
        ses_error(403, "AccessDeniedException", "not authorized"),
    ])
    .await;
    let ses = ses(&server.url(), AMPLE).await;
    for expected in [Some(14.0), None, None, None] {
        assert_eq!(ses.allowed_rate().await, expected);
    }
}
