//! `carillon send`.

mod accepted;
mod api;
mod values;

use carillon_core::channel::Channel;
use carillon_core::id::{SenderId, TemplateId};
use chrono::{DateTime, FixedOffset};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::commands::timeline::{Follow, Source};
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;
use crate::parse;

pub(crate) use accepted::report;
pub(crate) use api::{Api, ApiUrl, Credentials, KeyFile, Upload};
pub(crate) use values::Values;

const EMAIL_HELP: &str = "\
Examples:
  carillon send email --to ada@example.org --template TEMPLATE_ID --set name=Ada --watch
  carillon send email --to ada@example.org --template TEMPLATE_ID --values values.json \\
      --scheduled-for 2027-01-31T09:00:00+01:00";

const SMS_HELP: &str = "\
Example:
  carillon send sms --to 07700900123 --template TEMPLATE_ID --set code=123456 --watch";

/// What can be sent.
#[derive(Subcommand)]
pub(crate) enum Send {
    /// Send an e-mail
    #[command(after_help = EMAIL_HELP)]
    Email(Email),
    /// Send a text message
    #[command(after_help = SMS_HELP)]
    Sms(Sms),
}

impl Send {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Email(command) => command.run(cx).await,
            Self::Sms(command) => command.run(cx).await,
        }
    }
}

#[derive(Args)]
pub(crate) struct Email {
    #[command(flatten)]
    message: Message,
    /// The id of the reply-to address; the service's default if left out
    #[arg(long, value_name = "SENDER_ID", value_parser = parse::id::<SenderId>)]
    reply_to: Option<SenderId>,
    /// The https URL where one click takes the recipient off the list
    #[arg(long, value_name = "URL")]
    unsubscribe_url: Option<String>,
}

impl Email {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let fields = [
            ("email_reply_to_id", self.reply_to.map(|id| json!(id))),
            (
                "one_click_unsubscribe_url",
                self.unsubscribe_url.map(Value::String),
            ),
        ];
        self.message.send(cx, Channel::Email, fields).await
    }
}

#[derive(Args)]
pub(crate) struct Sms {
    #[command(flatten)]
    message: Message,
    /// The id of the sender; the service's default if left out
    #[arg(long, value_name = "SENDER_ID", value_parser = parse::id::<SenderId>)]
    sender: Option<SenderId>,
}

impl Sms {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let fields = [("sms_sender_id", self.sender.map(|id| json!(id)))];
        self.message.send(cx, Channel::Sms, fields).await
    }
}

/// What both channels have in common.
#[derive(Args)]
struct Message {
    /// To whom
    #[arg(long, value_name = "RECIPIENT")]
    to: String,
    /// The template's id
    #[arg(long, value_name = "TEMPLATE_ID", value_parser = parse::id::<TemplateId>)]
    template: TemplateId,
    #[command(flatten)]
    values: Values,
    /// Your own reference of the message
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// When to send it (RFC 3339); at most 96 hours ahead
    #[arg(long, value_name = "TIME")]
    scheduled_for: Option<DateTime<FixedOffset>>,
    #[command(flatten)]
    url: ApiUrl,
    #[command(flatten)]
    key: KeyFile,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    output: Output,
}

impl Message {
    /// POSTs it as any client would.
    async fn send<const N: usize>(
        self,
        cx: &Cx,
        channel: Channel,
        fields: [(&str, Option<Value>); N],
    ) -> anyhow::Result<String> {
        if self.key.reads_stdin() && self.values.reads_stdin() {
            return Err(bad_argument("--values", "stdin is read for --api-key-file"));
        }
        let (path, recipient) = match channel {
            Channel::Email => ("/v2/notifications/email", "email_address"),
            Channel::Sms => ("/v2/notifications/sms", "phone_number"),
        };
        let mut body = json!({
            recipient: self.to,
            "template_id": self.template,
            "personalisation": self.values.read()?,
        });
        let common = [
            ("reference", self.reference.map(Value::String)),
            (
                "scheduled_for",
                self.scheduled_for.map(|at| json!(at.to_rfc3339())),
            ),
        ];
        for (name, value) in fields.into_iter().chain(common) {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        let api = self.url.open(cx, self.key.read()?)?;
        let find = || Source::of_service(cx, &self.url, &api);
        let following = self.follow.prepare(find)?;
        let answer = api.post(path, &body).await?;
        report(&answer, following, self.output).await
    }
}
