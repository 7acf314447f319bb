//! `carillon service update`, `safelist` and `add-sender`.

use anyhow::Context;
use carillon_core::channel::Channel;
use carillon_core::recipient::{EmailAddress, PhoneNumber};
use carillon_core::service::{RETENTION_DAYS, check_sender};
use carillon_store::service::{self, Changes};
use clap::Args;
use serde_json::json;

use super::{OfService, read};
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;
use crate::parse;

const UPDATE_HELP: &str = "\
Examples:
  carillon service update 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --active false   # suspend it
  carillon service update 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --trial false    # let it go live
  carillon service update 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --rate-limit 600 --sms-daily-limit usual";

/// Suspend a service, put it on or off trial, give it an inbox or limits of its own
#[derive(Args)]
#[command(after_help = UPDATE_HELP)]
pub(crate) struct Update {
    #[command(flatten)]
    of: OfService,
    #[command(flatten)]
    changes: Flags,
    #[command(flatten)]
    output: Output,
}

/// What is changed: at least one thing.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct Flags {
    /// Whether it may send
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    /// Whether it reaches its safelist only
    #[arg(long, value_name = "BOOL")]
    trial: Option<bool>,
    /// Whether its inbox is apart, so that it delays nobody
    #[arg(long, value_name = "BOOL")]
    high_volume: Option<bool>,
    /// Whether its e-mail carries our unsubscribe link where a request names none
    #[arg(long, value_name = "BOOL")]
    one_click_unsubscribe: Option<bool>,
    /// How long its e-mail jobs are kept
    #[arg(long, value_name = "DAYS", value_parser = retention_days())]
    email_retention_days: Option<i32>,
    /// How long its jobs of text messages are kept
    #[arg(long, value_name = "DAYS", value_parser = retention_days())]
    sms_retention_days: Option<i32>,
    /// How many requests it may make in a minute with each type of key
    #[arg(long, value_name = "N|usual", value_parser = rate_limit)]
    rate_limit: Option<Limit>,
    /// How many e-mails it may send in a day of UTC
    #[arg(long, value_name = "N|usual", value_parser = daily_limit)]
    email_daily_limit: Option<Limit>,
    /// How many text messages it may send in a day of UTC
    #[arg(long, value_name = "N|usual", value_parser = daily_limit)]
    sms_daily_limit: Option<Limit>,
}

/// A limit of the service's own, or none: then the settings' holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<i32>);

fn rate_limit(text: &str) -> Result<Limit, String> {
    limit(text, 1)
}

fn daily_limit(text: &str) -> Result<Limit, String> {
    limit(text, 0)
}

fn limit(text: &str, least: i32) -> Result<Limit, String> {
    if text == "usual" {
        return Ok(Limit(None));
    }
    let number = text.parse().ok().filter(|number| *number >= least);
    let limit = number.map(|number| Limit(Some(number)));
    limit.ok_or_else(|| format!("must be from {least} to {}, or \"usual\"", i32::MAX))
}

fn retention_days() -> clap::builder::RangedI64ValueParser<i32> {
    let (shortest, longest) = RETENTION_DAYS.into_inner();
    clap::value_parser!(i32).range(i64::from(shortest)..=i64::from(longest))
}

impl Update {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Flags {
            active,
            trial,
            high_volume,
            one_click_unsubscribe,
            email_retention_days,
            sms_retention_days,
            rate_limit,
            email_daily_limit,
            sms_daily_limit,
        } = self.changes;
        let own = |limit: Option<Limit>| limit.map(|Limit(own)| own);
        let changes = Changes {
            active,
            restricted: trial,
            high_volume,
            one_click_unsubscribe,
            email_retention_days,
            sms_retention_days,
            rate_limit: own(rate_limit),
            email_daily_limit: own(email_daily_limit),
            sms_daily_limit: own(sms_daily_limit),
        };
        let usual = carillon_connect::usual_limits(&cx.settings()?);
        let service = service::update(&cx.store()?, self.of.service_id, &changes)
            .await
            .with_context(|| self.of.what())?;
        self.output.render(
            || read::show(&service, &usual.of(&service), &[], &[]),
            &service,
        )
    }
}

/// Add recipients that team keys and services on trial may reach
#[derive(Args)]
pub(crate) struct Safelist {
    #[command(flatten)]
    of: OfService,
    /// E-mail addresses and phone numbers; nothing is added when one of them is wrong
    #[arg(required = true, value_name = "RECIPIENT")]
    recipients: Vec<String>,
}

impl Safelist {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        let service = self.of.read(&store).await?;
        let recipients = self
            .recipients
            .iter()
            .map(|text| recipient(text, &service.region))
            .collect::<anyhow::Result<Vec<_>>>()?;
        service::extend_safelist(&store, service.id, &recipients)
            .await
            .with_context(|| self.of.what())?;
        let n_recipients = service::safelist(&store, service.id).await?.len();
        Ok(format!("the safelist has {n_recipients} recipients"))
    }
}

/// An e-mail address if there is an @ in it, else a phone number; in its normal form.
fn recipient(text: &str, region: &str) -> anyhow::Result<(Channel, String)> {
    let refused = |error: String| bad_argument(&format!("{text:?}"), error);
    if text.contains('@') {
        let address = EmailAddress::parse(text).map_err(|error| refused(error.to_string()))?;
        return Ok((Channel::Email, address.normalised()));
    }
    let number = PhoneNumber::parse(text, region).map_err(|error| refused(error.to_string()))?;
    Ok((Channel::Sms, number.as_e164().to_owned()))
}

/// Add a reply-to address or an SMS sender
#[derive(Args)]
pub(crate) struct AddSender {
    #[command(flatten)]
    of: OfService,
    /// What it is for: a reply-to address (email) or a sender (sms)
    #[arg(value_parser = parse::channel())]
    channel: Channel,
    /// The address, or the name or number shown as sender
    value: String,
    /// Used when a request names none, in the place of the former default
    #[arg(long)]
    default: bool,
    #[command(flatten)]
    output: Output,
}

impl AddSender {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            channel,
            value,
            default,
            output,
        } = self;
        check_sender(channel, &value).map_err(|message| bad_argument("VALUE", message))?;
        let id = service::add_sender(&cx.store()?, of.service_id, channel, &value, default)
            .await
            .with_context(|| format!("{} and sender {value:?}", of.what()))?;
        let json = json!({ "id": id, "channel": channel, "value": &value, "is_default": default });
        output.render(|| format!("added sender {id}"), json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_the_usual_one() {
        assert_eq!(rate_limit("600"), Ok(Limit(Some(600))));
        assert_eq!(rate_limit("usual"), Ok(Limit(None)));
        assert_eq!(daily_limit("0"), Ok(Limit(Some(0))));
        for text in ["0", "-1", "", "2147483648", "many"] {
            assert!(rate_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn recipients_are_told_apart_and_normalised() {
        let read = |text, region| recipient(text, region).map_err(|error| format!("{error:#}"));
        assert_eq!(
            read("Ada@Example.org", "GB"),
            Ok((Channel::Email, "ada@example.org".into()))
        );
        assert_eq!(
            read("07700 900111", "GB"),
            Ok((Channel::Sms, "+447700900111".into()))
        );
        let error = read("12 monkeys", "GB").expect_err("no number");
        assert!(
            error.starts_with("bad arguments: \"12 monkeys\": "),
            "{error}"
        );
    }
}
