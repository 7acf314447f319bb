//! A message as SNS posts it, and the text that its signature covers.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::refusal::Refusal;

/// Of the RSA keys that count.
const SIGNATURE_BYTES: RangeInclusive<usize> = 2_048 / 8..=8_192 / 8;

/// The kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// How a message is signed: RSA with PKCS #1 padding over one of two digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Version 1.
    Sha1,
    /// Version 2.
    Sha256,
}

/// The JSON document; fields that are neither signed nor needed are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    #[serde(rename = "Type")]
    pub kind: Kind,
    pub message_id: String,
    pub topic_arn: String,
    pub message: String,
    pub timestamp: String,
    pub signature_version: String,
    pub signature: String,
    #[serde(rename = "SigningCertURL")]
    pub signing_cert_url: String,
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub token: Option<String>,
    #[serde(rename = "SubscribeURL", default)]
    pub subscribe_url: Option<String>,
}

impl Envelope {
    /// Each field but the message is one line. Otherwise the signed text could be cut into other
    /// fields than those that were signed.
    pub fn check_lines(&self) -> Result<(), Refusal> {
        let optional = [&self.subject, &self.token, &self.subscribe_url];
        let lines = [&self.message_id, &self.topic_arn, &self.timestamp];
        let mut lines = lines.into_iter().chain(optional.into_iter().flatten());
        let is_line = |text: &String| !text.contains(char::is_control) && text.len() <= 4_096;
        if lines.all(is_line) {
            Ok(())
        } else {
            Err(Refusal::Malformed)
        }
    }

    pub fn timestamp(&self) -> Result<DateTime<Utc>, Refusal> {
        self.timestamp.parse().map_err(|_| Refusal::Malformed)
    }

    pub fn scheme(&self) -> Result<Scheme, Refusal> {
        match self.signature_version.as_str() {
            "1" => Ok(Scheme::Sha1),
            "2" => Ok(Scheme::Sha256),
            _ => Err(Refusal::SignatureVersion),
        }
    }

    pub fn signature(&self) -> Result<Vec<u8>, Refusal> {
        let signature = STANDARD.decode(&self.signature);
        let signature = signature.map_err(|_| Refusal::Malformed)?;
        if SIGNATURE_BYTES.contains(&signature.len()) {
            Ok(signature)
        } else {
            Err(Refusal::Signature)
        }
    }

    /// The text that is signed: names and values of the fields in the order of their names.
    pub fn canonical(&self) -> String {
        let (kind, mut fields) = match self.kind {
            Kind::Notification => ("Notification", vec![("Subject", self.subject.as_deref())]),
            Kind::SubscriptionConfirmation => ("SubscriptionConfirmation", self.confirmation()),
            Kind::UnsubscribeConfirmation => ("UnsubscribeConfirmation", self.confirmation()),
        };
        fields.extend([
            ("Message", Some(self.message.as_str())),
            ("MessageId", Some(&self.message_id)),
            ("Timestamp", Some(&self.timestamp)),
            ("TopicArn", Some(&self.topic_arn)),
            ("Type", Some(kind)),
        ]);
        fields.sort_unstable_by_key(|(name, _)| *name);
        let present = fields.into_iter().filter_map(|(name, value)| {
            let value = value?;
            Some(format!("{name}\n{value}\n"))
        });
        present.collect()
    }

    fn confirmation(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("SubscribeURL", self.subscribe_url.as_deref()),
            ("Token", self.token.as_deref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn canonical(more: &Value) -> String {
        let mut message = json!({
            "MessageId": "m", "TopicArn": "t", "Message": "a\nb", "Timestamp": "now",
            "SignatureVersion": "1", "Signature": "", "SigningCertURL": "u",
        });
        let fields = message.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        let envelope: Envelope = serde_json::from_value(message).unwrap();
        envelope.canonical()
    }

    #[test]
    fn each_kind_is_signed_over_its_own_fields() {
        let plain = canonical(&json!({"Type": "Notification", "Token": "x"}));
        assert_eq!(
            plain,
            "Message\na\nb\nMessageId\nm\nTimestamp\nnow\nTopicArn\nt\nType\nNotification\n"
        );
        let with_subject = canonical(&json!({"Type": "Notification", "Subject": "s"}));
        assert_eq!(
            with_subject,
            "Message\na\nb\nMessageId\nm\nSubject\ns\nTimestamp\nnow\nTopicArn\nt\n\
             Type\nNotification\n"
        );
        for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
            let fields = json!({"Type": kind, "Token": "k", "SubscribeURL": "c", "Subject": "s"});
            assert_eq!(
                canonical(&fields),
                format!(
                    "Message\na\nb\nMessageId\nm\nSubscribeURL\nc\nTimestamp\nnow\nToken\nk\n\
                     TopicArn\nt\nType\n{kind}\n"
                )
            );
        }
    }
}
