//! Amazon SNS: one `Publish` to a phone number per message.

mod meaning;
pub mod receipt;
mod sender;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use carillon_core::attempt::Outcome;
use carillon_core::provider::{AwsKeys, ProviderKind, SmsType, SnsSettings};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::aws::Account;
use crate::aws::fault::Fault;
use crate::aws::meaning::{outcome, unreachable};
use crate::aws::progress::Progress;
use crate::outgoing::{Content, OutgoingMessage};
use crate::provider::{Provider, SetupError, Unreachable};
use sender::Sender;

/// Sends through an account with Amazon SNS.
///
/// SNS knows no idempotency key for text messages: one that is sent again after its answer was lost
/// may arrive twice.
pub struct Sns {
    name: String,
    client: Client,
    settings: SnsSettings,
}

impl Sns {
    /// A client of the account whose keys these are, or else of the process's own as AWS's
    /// libraries find it. `timeout` bounds a whole call: finding credentials, connecting, sending
    /// and being answered.
    ///
    /// The endpoint is AWS's, unless `AWS_ENDPOINT_URL_SNS` or `AWS_ENDPOINT_URL` says otherwise.
    ///
    /// # Errors
    /// When neither the settings nor the environment name a region.
    pub async fn new(
        name: &str,
        settings: &SnsSettings,
        keys: Option<&AwsKeys>,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        Self::at(None, name, settings, keys, timeout).await
    }

    /// Like [`new`](Self::new), but at an endpoint that goes before those of the environment.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn at(
        endpoint_url: Option<&str>,
        name: &str,
        settings: &SnsSettings,
        keys: Option<&AwsKeys>,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let account = Account {
            region: settings.region.as_deref(),
            keys,
            endpoint_url,
            timeout,
        };
        Ok(Self {
            name: name.to_owned(),
            client: Client::new(&account.config().await?),
            settings: settings.clone(),
        })
    }

    async fn call(&self, message: &OutgoingMessage) -> Outcome {
        let Content::Sms { sender, body } = &message.content else {
            return rejected("an e-mail cannot be sent as a text message");
        };
        let Ok(attributes) = attributes(&self.settings, sender.as_deref()) else {
            return rejected("the parts do not make a request");
        };
        let progress = Progress::default();
        let sent = self
            .client
            .publish()
            .phone_number(&message.recipient)
            .message(body)
            .set_message_attributes(Some(attributes))
            .customize()
            .interceptor(progress.clone())
            .send()
            .await;
        match sent {
            Ok(taken) => match taken.message_id {
                Some(reference) => Outcome::Accepted { reference },
                // It said yes, so it may well have the message; only the reference is lost.
                None => outcome(&Fault::Unreadable, meaning::meaning),
            },
            Err(error) => outcome(&Fault::of(&error, &progress), meaning::meaning),
        }
    }

    async fn reach(&self) -> Result<(), Unreachable> {
        let progress = Progress::default();
        let asked = self
            .client
            .get_sms_attributes()
            .customize()
            .interceptor(progress.clone())
            .send()
            .await;
        match asked {
            Ok(_) => Ok(()),
            Err(error) => Err(unreachable(&Fault::of(&error, &progress), meaning::meaning)),
        }
    }
}

fn rejected(detail: &str) -> Outcome {
    Outcome::Rejected {
        detail: detail.to_owned(),
    }
}

/// What SNS is told besides number and text. They outrank the account's defaults.
fn attributes(
    settings: &SnsSettings,
    sender: Option<&str>,
) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let sms_type = match settings.sms_type {
        SmsType::Transactional => "Transactional",
        SmsType::Promotional => "Promotional",
    };
    let mut attributes = vec![("AWS.SNS.SMS.SMSType", "String", sms_type.to_owned())];
    if let Some(price) = &settings.max_price_usd {
        attributes.push(("AWS.SNS.SMS.MaxPrice", "Number", price.clone()));
    }
    match sender.and_then(Sender::read) {
        Some(Sender::Id(id)) => attributes.push(("AWS.SNS.SMS.SenderID", "String", id)),
        Some(Sender::Number(number)) => {
            attributes.push(("AWS.MM.SMS.OriginationNumber", "String", number));
        }
        None => {}
    }
    attributes
        .into_iter()
        .map(|(name, kind, value)| {
            let value = MessageAttributeValue::builder()
                .data_type(kind)
                .string_value(value)
                .build()?;
            Ok((name.to_owned(), value))
        })
        .collect()
}

impl Provider for Sns {
    fn name(&self) -> &str {
        &self.name
    }

    fn has_receipts(&self) -> bool {
        true
    }

    fn reports_by_reference(&self) -> Option<ProviderKind> {
        Some(ProviderKind::Sns)
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        self.call(message).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        self.reach().boxed()
    }
}
