//! Whose receipts are taken.

use serde::{Deserialize, Serialize};

use super::SettingsError;

const KEY: &str = "receipts.sns_topics";

/// `[receipts]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Receipts {
    /// As given; read it through [`Receipts::sns_topics`].
    pub sns_topics: String,
}

impl Receipts {
    /// The ARNs of the topics of Amazon SNS whose messages are believed; none means that no message
    /// of SNS is.
    ///
    /// # Errors
    /// When one is not the ARN of a topic. Those that were given have been checked by
    /// `Settings::load`.
    pub fn sns_topics(&self) -> Result<Vec<String>, SettingsError> {
        let topics = self.sns_topics.split(',').map(str::trim);
        topics
            .filter(|topic| !topic.is_empty())
            .map(|topic| match is_topic(topic) {
                true => Ok(topic.to_owned()),
                false => Err(SettingsError::rule(
                    KEY,
                    format!("`{topic}` is not like arn:aws:sns:REGION:ACCOUNT:TOPIC"),
                )),
            })
            .collect()
    }
}

fn is_topic(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let [arn, partition, service, region, account, name] = parts[..] else {
        return false;
    };
    arn == "arn"
        && partition.starts_with("aws")
        && service == "sns"
        && ![region, account, name].contains(&"")
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(text: &str) -> Result<Vec<String>, String> {
        let receipts = Receipts {
            sns_topics: text.to_owned(),
        };
        receipts.sns_topics().map_err(|error| error.to_string())
    }

    #[test]
    fn topics_stand_between_commas() {
        let (ses, sms) = (
            "arn:aws:sns:eu-west-1:123456789012:ses",
            "arn:aws-cn:sns:cn-north-1:1:sms.fifo",
        );
        assert_eq!(topics(""), Ok(Vec::new()));
        assert_eq!(
            topics(&format!("{ses}, {sms},")),
            Ok(vec![ses.into(), sms.into()])
        );
    }

    #[test]
    fn what_is_no_topic_is_refused_by_its_text() {
        for bad in [
            "*",
            "ses-events",
            "arn:aws:sqs:eu-west-1:1:queue",
            "arn:aws:sns:eu-west-1:1:",
            "arn:aws:sns:eu-west-1:1:topic:a-subscription",
        ] {
            let error = topics(bad).expect_err("no topic");
            assert_eq!(
                error,
                format!(
                    "receipts.sns_topics: `{bad}` is not like arn:aws:sns:REGION:ACCOUNT:TOPIC"
                )
            );
        }
    }
}
