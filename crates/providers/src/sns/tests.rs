//! SNS over the wire: moto for what it does, scripts for what it only documents.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_test_support::{Moto, Step, WireFault};
use reqwest::Url;

use super::*;
use crate::aws::tests::{keys, sms, sns, sns_error};

const AMPLE: Duration = Duration::from_secs(30);

/// The fields of a request's form.
fn form(request: &str) -> BTreeMap<String, String> {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let url = Url::parse(&format!("http://host/?{body}")).unwrap();
    url.query_pairs().into_owned().collect()
}

/// The message's attributes in a form: by name, their kind and value.
fn attributes_of(form: &BTreeMap<String, String>) -> BTreeMap<&str, (&str, &str)> {
    (1..)
        .map_while(|n| {
            let field = |name: &str| form.get(&format!("MessageAttributes.entry.{n}.{name}"));
            let kind = field("Value.DataType")?;
            let value = field("Value.StringValue")?;
            Some((field("Name")?.as_str(), (kind.as_str(), value.as_str())))
        })
        .collect()
}

fn taken() -> Step {
    let body = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
        <PublishResult><MessageId>94f20ce6</MessageId></PublishResult></PublishResponse>";
    Step::answer(200, "text/xml", body)
}

#[tokio::test]
async fn an_accepted_message_is_at_sns_with_number_and_text() {
    let moto = Moto::start().await;
    let sns = sns(moto.url(), AMPLE).await;
    let outcome = sns.send(&sms()).await;
    let data = moto.data().await;
    let [kept] = data["sns"]["SMS"].as_array().unwrap().as_slice() else {
        panic!("{data}");
    };
    let reference = kept["message_id"].as_str().unwrap().to_owned();
    assert_eq!(outcome, Outcome::Accepted { reference });
    assert_eq!(kept["phone_number"], "+447700900123");
    assert_eq!(kept["message"], "Come at nine & bring a pen.");
    assert_eq!(sns.probe().await, Ok(()));
}

#[tokio::test]
async fn a_number_that_is_none_is_rejected() {
    let moto = Moto::start().await;
    let mut message = sms();
    message.recipient = "ask at the desk".into();
    let outcome = sns(moto.url(), AMPLE).await.send(&message).await;
    let Outcome::Rejected { detail } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(detail.starts_with("InvalidParameter: "), "{detail}");
    assert!(detail.contains("opted out"), "{detail}");
}

#[tokio::test]
async fn what_sns_says_about_the_sender_fails_and_its_words_stay_with_it() {
    for (text, expected) in [
        (
            "Invalid parameter: PhoneNumber Reason: +447700900123 is not valid to publish to",
            "rejected",
        ),
        (
            "Invalid parameter: AWS.MM.SMS.OriginationNumber Reason: +447700900555 is not yours",
            "failed",
        ),
        (
            "Invalid parameter: AWS.SNS.SMS.SenderID Reason: not for +447700900123",
            "failed",
        ),
    ] {
        let server = WireFault::start([sns_error(400, "InvalidParameter", text)]).await;
        let outcome = sns(&server.url(), AMPLE).await.send(&sms()).await;
        assert_eq!(outcome.name(), expected, "{text}");
        assert!(!format!("{outcome:?}").contains("7700"), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_request_names_type_price_and_sender() {
    let server = WireFault::start([taken()]).await;
    let settings = SnsSettings {
        region: Some("eu-west-1".into()),
        sms_type: SmsType::Promotional,
        max_price_usd: Some("0.50".into()),
    };
    let url = server.url();
    let sns = Sns::at(Some(&url), "sns", &settings, Some(&keys()), AMPLE).await;
    let sns = sns.unwrap();
    let senders = [Some("City Clinic"), Some("+44 7700 900555"), None];
    for sender in senders {
        let mut message = sms();
        message.content = Content::Sms {
            sender: sender.map(Into::into),
            body: "hello".into(),
        };
        let reference = "94f20ce6".to_owned();
        assert_eq!(sns.send(&message).await, Outcome::Accepted { reference });
    }
    let common = BTreeMap::from([
        ("AWS.SNS.SMS.SMSType", ("String", "Promotional")),
        ("AWS.SNS.SMS.MaxPrice", ("Number", "0.50")),
    ]);
    let own = [
        Some(("AWS.SNS.SMS.SenderID", ("String", "CityClinic"))),
        Some(("AWS.MM.SMS.OriginationNumber", ("String", "+447700900555"))),
        None,
    ];
    for (request, own) in server.requests().iter().zip(own) {
        let form = form(request);
        assert_eq!(form["Action"], "Publish");
        assert_eq!(form["PhoneNumber"], "+447700900123");
        assert_eq!(form["Message"], "hello");
        let mut expected = common.clone();
        expected.extend(own);
        assert_eq!(attributes_of(&form), expected);
    }
    assert_eq!(server.requests().len(), senders.len());
}

#[tokio::test]
async fn a_probe_reads_the_accounts_settings_and_says_what_is_refused() {
    let settings = "<GetSMSAttributesResponse><GetSMSAttributesResult><attributes/>\
        </GetSMSAttributesResult></GetSMSAttributesResponse>";
    let server = WireFault::start([
        Step::answer(200, "text/xml", settings),
        sns_error(
            403,
            "AuthorizationError",
            "User: arn:aws:iam::1 is not authorized",
        ),
    ])
    .await;
    let sns = sns(&server.url(), AMPLE).await;
    assert_eq!(sns.probe().await, Ok(()));
    let refused = sns.probe().await.unwrap_err();
    assert!(
        refused.what.starts_with("AuthorizationError: "),
        "{refused}"
    );
    assert!(refused.advice.contains("sns:GetSMSAttributes"));
    let form = form(&server.requests()[0]);
    assert_eq!(form["Action"], "GetSMSAttributes");
}
