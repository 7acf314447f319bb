//! Amazon SES, by version 2 of its API: one `SendEmail` per message.

pub mod event;
mod meaning;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::operation::get_account::GetAccountOutput;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use carillon_core::attempt::Outcome;
use carillon_core::provider::{AwsKeys, ProviderKind, SesSettings};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::aws::Account;
use crate::aws::fault::Fault;
use crate::aws::meaning::{outcome, unreachable};
use crate::aws::progress::Progress;
use crate::mime::mime;
use crate::outgoing::OutgoingMessage;
use crate::provider::{Provider, SetupError, Unreachable};

/// The tag by which events say which notification they are about.
pub const ID_TAG: &str = "carillon-id";

/// The tag by which events say which attempt they are about.
pub const ATTEMPT_TAG: &str = "carillon-attempt";

/// Sends through an account with Amazon SES.
pub struct Ses {
    name: String,
    client: Client,
    configuration_set: Option<String>,
}

impl Ses {
    /// A client of the account whose keys these are, or else of the process's own as AWS's
    /// libraries find it. `timeout` bounds a whole call: finding credentials, connecting, sending
    /// and being answered.
    ///
    /// The endpoint is AWS's, unless `AWS_ENDPOINT_URL_SESV2` or `AWS_ENDPOINT_URL` says otherwise.
    ///
    /// # Errors
    /// When neither the settings nor the environment name a region.
    pub async fn new(
        name: &str,
        settings: &SesSettings,
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
        settings: &SesSettings,
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
            configuration_set: settings.configuration_set.clone(),
        })
    }

    async fn call(&self, message: &OutgoingMessage) -> Outcome {
        let email = match mime(message) {
            Ok(email) => email,
            Err(error) => return rejected(error.to_string()),
        };
        let request = match self.request(message, &email) {
            Ok(request) => request,
            Err(Unfit::Letters) => {
                return rejected(
                    "SES takes no addresses with letters outside of ASCII before the @".into(),
                );
            }
            Err(Unfit::Parts) => return rejected("the parts do not make a request".into()),
        };
        let progress = Progress::default();
        let sent = request
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

    fn request(
        &self,
        message: &OutgoingMessage,
        email: &lettre::Message,
    ) -> Result<SendEmailFluentBuilder, Unfit> {
        let envelope = email.envelope();
        let mut addresses = envelope.to().iter().chain(envelope.from());
        if !addresses.all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
            return Err(Unfit::Letters);
        }
        let to = envelope.to().iter().map(ToString::to_string).collect();
        let raw = RawMessage::builder()
            .data(Blob::new(email.formatted()))
            .build()?;
        let tag = |name: &str, value: String| MessageTag::builder().name(name).value(value).build();
        Ok(self
            .client
            .send_email()
            .set_from_email_address(envelope.from().map(ToString::to_string))
            .destination(Destination::builder().set_to_addresses(Some(to)).build())
            .content(EmailContent::builder().raw(raw).build())
            .email_tags(tag(ID_TAG, message.id.to_string())?)
            .email_tags(tag(ATTEMPT_TAG, message.attempt.to_string())?)
            .set_configuration_set_name(self.configuration_set.clone()))
    }

    async fn reach(&self) -> Result<(), Unreachable> {
        let progress = Progress::default();
        let asked = self
            .client
            .get_account()
            .customize()
            .interceptor(progress.clone())
            .send()
            .await;
        match asked {
            Ok(account) => may_send(&account),
            Err(error) => Err(unreachable(&Fault::of(&error, &progress), meaning::meaning)),
        }
    }
}

/// Why a message does not fit into a request.
enum Unfit {
    Letters,
    Parts,
}

impl From<BuildError> for Unfit {
    fn from(_: BuildError) -> Self {
        Self::Parts
    }
}

const fn rejected(detail: String) -> Outcome {
    Outcome::Rejected { detail }
}

fn may_send(account: &GetAccountOutput) -> Result<(), Unreachable> {
    let shut_down = account.enforcement_status() == Some("SHUTDOWN");
    if account.sending_enabled() && !shut_down {
        return Ok(());
    }
    let (what, advice) = if shut_down {
        (
            "SES has shut down the account's sending for its bounces, complaints or content",
            "answer the case in AWS's support centre, and send through another provider until then",
        )
    } else {
        (
            "sending is switched off for the account in this region",
            "switch it on in SES's console under account dashboard, or change the region",
        )
    };
    Err(Unreachable {
        what: what.to_owned(),
        advice: advice.to_owned(),
    })
}

impl Provider for Ses {
    fn name(&self) -> &str {
        &self.name
    }

    fn has_receipts(&self) -> bool {
        true
    }

    /// Events of a configuration set carry our tags. Without one all that can be heard are the
    /// identity's notifications, which carry none.
    fn reports_by_reference(&self) -> Option<ProviderKind> {
        self.configuration_set
            .is_none()
            .then_some(ProviderKind::Ses)
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        self.call(message).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        self.reach().boxed()
    }

    fn allowed_rate(&self) -> BoxFuture<'_, Option<f64>> {
        async {
            let account = self.client.get_account().send().await.ok()?;
            let rate = account.send_quota()?.max_send_rate();
            // Less is no rate but an account that may not send, which a call will say.
            (rate > 0.0).then_some(rate)
        }
        .boxed()
    }
}
