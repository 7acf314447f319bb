//! `carillon service list` and `show`.

use anyhow::Context;
use carillon_core::channel::Channel;
use carillon_core::limits::Limits;
use carillon_core::service::{Sender, Service};
use carillon_store::service;
use clap::Args;
use serde_json::json;

use super::OfService;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, shown, table};

/// List all services
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

impl List {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let services = service::list(&cx.store()?)
            .await
            .context("cannot list services")?;
        self.output
            .render(|| list(&services), json!({ "services": &services }))
    }
}

fn list(services: &[Service]) -> String {
    let columns = [
        Column::Left("ID"),
        Column::Left("NAME"),
        Column::Left("ACTIVE"),
        Column::Left("TRIAL"),
        Column::Left("HIGH VOLUME"),
    ];
    let rows: Vec<_> = services
        .iter()
        .map(|service| {
            [
                service.id.to_string(),
                service.name.clone(),
                yes(service.active),
                yes(service.restricted),
                yes(service.high_volume),
            ]
        })
        .collect();
    table(columns, &rows)
}

/// Show a service with its senders and safelist
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    of: OfService,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let (store, id) = (cx.store()?, self.of.service_id);
        let service = self.of.read(&store).await?;
        let senders = service::senders(&store, id)
            .await
            .with_context(|| self.of.what())?;
        let safelist = service::safelist(&store, id)
            .await
            .with_context(|| self.of.what())?;
        let limits = carillon_connect::usual_limits(&cx.settings()?).of(&service);
        let json = json!({
            "service": &service,
            "limits": &limits,
            "senders": senders.iter().map(|sender| json!({
                "id": sender.id, "channel": sender.channel, "value": &sender.value,
                "is_default": sender.is_default,
            })).collect::<Vec<_>>(),
            "safelist": safelist.iter().map(|(_, recipient)| recipient).collect::<Vec<_>>(),
        });
        self.output
            .render(|| show(&service, &limits, &senders, &safelist), json)
    }
}

/// One service with everything around it.
pub(super) fn show(
    service: &Service,
    limits: &Limits,
    senders: &[Sender],
    safelist: &[(Channel, String)],
) -> String {
    let braked = service.email_braked_at.map(|at| {
        let since = at.format("%Y-%m-%d %H:%M UTC");
        (
            "braked",
            format!("its e-mail, since {since}, for its bounces"),
        )
    });
    let mut facts = vec![
        ("id", service.id.to_string()),
        ("name", service.name.clone()),
        ("active", yes(service.active)),
        ("trial", yes(service.restricted)),
        ("high volume", yes(service.high_volume)),
        ("unsubscribe", yes(service.one_click_unsubscribe)),
        (
            "jobs kept",
            format!(
                "{} days (e-mail), {} days (SMS)",
                service.email_retention_days, service.sms_retention_days
            ),
        ),
        ("limits", in_words(service, limits)),
        ("region", service.region.clone()),
        ("e-mail from", service.email_from.clone()),
    ];
    facts.extend(braked);
    for Sender {
        channel,
        value,
        is_default,
        ..
    } in senders
    {
        let label = match channel {
            Channel::Email => "reply-to",
            Channel::Sms => "SMS sender",
        };
        let default = if *is_default { " (default)" } else { "" };
        facts.push((label, format!("{value}{default}")));
    }
    facts.extend(
        safelist
            .iter()
            .map(|(_, recipient)| ("safelist", recipient.clone())),
    );
    facts
        .iter()
        .map(|(label, value)| format!("{label:<12} {}\n", shown(value)))
        .collect()
}

/// Such as `3000 requests a minute (usual)`.
fn in_words(service: &Service, limits: &Limits) -> String {
    let one = |n: u32, of: &str, own: Option<i32>| {
        let whose = if own.is_some() { "" } else { " (usual)" };
        format!("{n} {of}{whose}")
    };
    [
        one(limits.rate_limit, "requests a minute", service.rate_limit),
        one(
            limits.email_daily_limit,
            "e-mails a day",
            service.email_daily_limit,
        ),
        one(limits.sms_daily_limit, "SMS a day", service.sms_daily_limit),
    ]
    .join(", ")
}

fn yes(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}
