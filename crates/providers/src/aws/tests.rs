//! What goes wrong on the way is the same for both services.

use aws_config::meta::region::future;
use carillon_core::attempt::Outcome;
use carillon_core::id::NotificationId;
use carillon_core::provider::{SesSettings, SmsType, SnsSettings};
use carillon_test_support::{Step, WireFault, free_port};

use super::*;
use crate::outgoing::{Content, OutgoingMessage};
use crate::provider::Provider;
use crate::ses::Ses;
use crate::sns::Sns;

/// Longer than any call here takes.
const AMPLE: Duration = Duration::from_secs(30);

pub(crate) fn keys() -> AwsKeys {
    AwsKeys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI".into(),
    }
}

pub(crate) async fn ses(url: &str, timeout: Duration) -> Ses {
    let settings = SesSettings {
        region: Some("eu-west-1".into()),
        configuration_set: None,
    };
    let ses = Ses::at(Some(url), "our-ses", &settings, Some(&keys()), timeout).await;
    ses.unwrap()
}

pub(crate) async fn sns(url: &str, timeout: Duration) -> Sns {
    let settings = SnsSettings {
        region: Some("eu-west-1".into()),
        sms_type: SmsType::Transactional,
        max_price_usd: None,
    };
    let sns = Sns::at(Some(url), "our-sns", &settings, Some(&keys()), timeout).await;
    sns.unwrap()
}

pub(crate) fn email() -> OutgoingMessage {
    OutgoingMessage {
        id: NotificationId::mint(),
        attempt: 2,
        recipient: "amala@example.com".into(),
        content: Content::Email {
            from_name: "Clinic".into(),
            from_address: "clinic@example.org".into(),
            reply_to: None,
            subject: "See you soon".into(),
            text: "Come at nine.".into(),
            html: "<p>Come at nine.</p>".into(),
        },
        unsubscribe_url: None,
        is_trial: false,
    }
}

pub(crate) fn sms() -> OutgoingMessage {
    OutgoingMessage {
        id: NotificationId::mint(),
        attempt: 1,
        recipient: "+447700900123".into(),
        content: Content::Sms {
            sender: Some("Clinic".into()),
            body: "Come at nine & bring a pen.".into(),
        },
        unsubscribe_url: None,
        is_trial: false,
    }
}

/// An error as SES spells it, which is JSON with the code in a header.
pub(crate) fn ses_error(status: u16, code: &str, text: &str) -> Step {
    Step::Answer {
        status,
        headers: vec![
            ("content-type", "application/json".into()),
            ("x-amzn-errortype", format!("{code}:http://internal/")),
        ],
        body: serde_json::json!({ "message": text }).to_string(),
    }
}

/// An error as SNS spells it, which is XML.
pub(crate) fn sns_error(status: u16, code: &str, text: &str) -> Step {
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>\
         <RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId></ErrorResponse>"
    );
    Step::answer(status, "text/xml", body)
}

/// What comes of one message with either service, and that it made exactly one request.
async fn outcomes(timeout: Duration, steps: [Step; 2]) -> [Outcome; 2] {
    let [for_ses, for_sns] = steps;
    let server = WireFault::start([for_ses]).await;
    let from_ses = ses(&server.url(), timeout).await.send(&email()).await;
    assert_eq!(server.requests().len(), 1, "SES: {from_ses:?}");
    let server = WireFault::start([for_sns]).await;
    let from_sns = sns(&server.url(), timeout).await.send(&sms()).await;
    assert_eq!(server.requests().len(), 1, "SNS: {from_sns:?}");
    [from_ses, from_sns]
}

/// Checks the kind, the beginning of the detail, and that no detail quotes what AWS wrote.
fn assert_both(outcomes: &[Outcome; 2], name: &str, begins: &str) {
    for outcome in outcomes {
        let detail = outcome.detail().unwrap_or_default();
        assert_eq!(outcome.name(), name, "{outcome:?}");
        assert!(detail.starts_with(begins), "{detail}");
        let quoted = detail.contains("amala") || detail.contains("7700");
        assert!(!quoted, "{detail}");
    }
}

#[tokio::test]
async fn a_throttled_call_says_how_long_to_wait_and_is_not_repeated() {
    let throttled = outcomes(
        AMPLE,
        [
            ses_error(
                429,
                "TooManyRequestsException",
                "Daily message quota exceeded",
            ),
            sns_error(400, "Throttling", "Rate exceeded"),
        ],
    )
    .await;
    let expected = [600, 1].map(|seconds| Outcome::Throttled {
        after: Duration::from_secs(seconds),
    });
    assert_eq!(throttled, expected);
}

#[tokio::test]
async fn a_fault_of_awss_own_fails_and_is_not_repeated() {
    let failed = outcomes(
        AMPLE,
        [
            ses_error(500, "InternalFailure", "for amala@example.com"),
            sns_error(503, "ServiceUnavailable", "for +447700900123"),
        ],
    )
    .await;
    assert_both(&failed, "failed", "");
}

#[tokio::test]
async fn refused_credentials_fail_with_what_to_check() {
    let failed = outcomes(
        AMPLE,
        [
            ses_error(403, "UnrecognizedClientException", "The token is invalid."),
            sns_error(403, "InvalidClientTokenId", "The token is invalid."),
        ],
    )
    .await;
    assert_both(&failed, "failed", "");
    for outcome in &failed {
        let detail = outcome.detail().unwrap_or_default();
        assert!(detail.contains("access key"), "{detail}");
    }
}

#[tokio::test]
async fn silence_is_ambiguous_once_the_deadline_is_over() {
    let late = outcomes(Duration::from_secs(1), [Step::Hang, Step::Hang]).await;
    assert_both(&late, "ambiguous", "no answer in time");
}

#[tokio::test]
async fn a_reset_after_the_request_is_ambiguous_and_not_repeated() {
    let reset = || Step::ResetAfterRequest;
    let lost = outcomes(AMPLE, [reset(), reset()]).await;
    assert_both(&lost, "ambiguous", "connection lost before the answer");
}

#[tokio::test]
async fn an_answer_of_something_else_is_ambiguous_if_it_says_yes() {
    let hello = || Step::answer(200, "text/html", "<html>Hello</html>");
    let unreadable = outcomes(AMPLE, [hello(), hello()]).await;
    assert_both(&unreadable, "ambiguous", "the answer is unreadable");
    let page = || Step::answer(503, "text/html", "<html>Down</html>");
    let failed = outcomes(AMPLE, [page(), page()]).await;
    assert_both(&failed, "failed", "status 503");
}

#[tokio::test]
async fn a_connection_that_closes_unread_proves_nothing() {
    let server = WireFault::start([Step::CloseBeforeRequest]).await;
    let url = server.url();
    let lost = [
        ses(&url, AMPLE).await.send(&email()).await,
        sns(&url, AMPLE).await.send(&sms()).await,
    ];
    assert_both(&lost, "ambiguous", "connection lost before the answer");
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_and_not_ambiguous() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let (ses, sns) = (ses(&url, AMPLE).await, sns(&url, AMPLE).await);
    let refused = [ses.send(&email()).await, sns.send(&sms()).await];
    assert_both(&refused, "failed", "no connection");
    for unreachable in [ses.probe().await, sns.probe().await] {
        assert_eq!(unreachable.unwrap_err().what, "no connection");
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_a_failure_within_the_deadline() {
    // The kernel completes the connection from its backlog; nobody speaks TLS on it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_secs(1);
    let (ses, sns) = (ses(&url, timeout).await, sns(&url, timeout).await);
    let unmade = [ses.send(&email()).await, sns.send(&sms()).await];
    assert_both(&unmade, "failed", "no connection");
}

#[tokio::test]
async fn the_wrong_channel_is_rejected_without_a_request() {
    let server = WireFault::start([Step::Hang]).await;
    let url = server.url();
    let (ses, sns) = (ses(&url, AMPLE).await, sns(&url, AMPLE).await);
    assert_both(
        &[ses.send(&sms()).await, sns.send(&email()).await],
        "rejected",
        "",
    );
    assert_eq!(server.requests(), [""; 0]);
    assert_eq!((ses.name(), sns.name()), ("our-ses", "our-sns"));
    assert!(ses.has_receipts() && sns.has_receipts());
}

/// An environment that names this region, or none.
#[derive(Debug)]
struct Ambient(Option<&'static str>);

impl ProvideRegion for Ambient {
    fn region(&self) -> future::ProvideRegion<'_> {
        future::ProvideRegion::ready(self.0.map(Region::from_static))
    }
}

#[tokio::test]
async fn the_settings_region_goes_before_the_environments() {
    let chosen = region(Some("eu-west-1"), Ambient(Some("us-east-1"))).await;
    assert_eq!(chosen.unwrap().as_ref(), "eu-west-1");
    let chosen = region(None, Ambient(Some("us-east-1"))).await;
    assert_eq!(chosen.unwrap().as_ref(), "us-east-1");
    let error = region(None, Ambient(None)).await.unwrap_err();
    assert!(matches!(error, SetupError::NoRegion), "{error}");
}
