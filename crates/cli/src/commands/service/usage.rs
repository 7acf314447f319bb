//! `carillon service usage`.

use anyhow::Context;
use carillon_connect as connect;
use carillon_core::channel::Channel;
use carillon_core::limits::usage::{OfDay, Usage};
use carillon_store::limits::{self, Brake};
use clap::Args;
use serde_json::json;

use super::OfService;
use crate::cx::Cx;
use crate::format::Output;

/// Brakes that are shown.
const BRAKES: i64 = 20;

/// Show what a service has sent today, what is left, and how much bounces
#[derive(Args)]
pub(crate) struct ShowUsage {
    #[command(flatten)]
    of: OfService,
    #[command(flatten)]
    output: Output,
}

impl ShowUsage {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let (store, settings) = (cx.store()?, cx.settings()?);
        let service = self.of.read(&store).await?;
        let what = || self.of.what();
        let today = async |channel| {
            limits::today(&store, service.id, channel)
                .await
                .with_context(what)
        };
        let (email, sms) = (today(Channel::Email).await?, today(Channel::Sms).await?);
        let bounces = limits::bounces_of(&store, service.id).await;
        let usage = Usage::of(
            email.day,
            &connect::usual_limits(&settings).of(&service),
            (email.n, sms.n),
            bounces.with_context(what)?,
            &connect::bounce_thresholds(&settings),
        );
        let brakes = limits::brakes_of(&store, service.id, BRAKES).await;
        let brakes = brakes.with_context(what)?;
        let mut json = json!(&usage);
        json["brakes"] = json!(&brakes);
        self.output.render(|| show(&usage, &brakes), json)
    }
}

fn show(usage: &Usage, brakes: &[Brake]) -> String {
    let of_day = |of: &OfDay| format!("{} of {}, {} left", of.used, of.limit, of.left);
    let bounces = &usage.email_bounces;
    let mut facts = vec![
        ("day", format!("{} (UTC)", usage.day)),
        ("e-mail", of_day(&usage.email)),
        ("SMS", of_day(&usage.sms)),
        (
            "requests",
            format!("{} a minute with each type of key", usage.rate_limit),
        ),
        (
            "bounces",
            format!(
                "{} of {} e-mails in 24 hours ({} %): {}",
                bounces.hard_bounced, bounces.sent, bounces.percent, bounces.health
            ),
        ),
    ];
    facts.extend(brakes.iter().map(|brake| ("brake", told(brake))));
    facts
        .iter()
        .map(|(label, value)| format!("{label:<12} {value}\n"))
        .collect()
}

fn told(brake: &Brake) -> String {
    let at = |at: &chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    let (sent, bounced) = (brake.sent, brake.hard_bounced);
    let mut text = format!("{} ({bounced} of {sent} bounced)", at(&brake.braked_at));
    match (&brake.released_at, &brake.release_reason) {
        (Some(released), Some(reason)) => {
            text.push_str(&format!(", released {}: {reason}", at(released)));
        }
        _ => text.push_str(", in force"),
    }
    text
}
