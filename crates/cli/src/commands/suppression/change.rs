//! `carillon suppression add` and `lift`.

use anyhow::Context;
use carillon_core::suppression::SuppressionReason;
use carillon_store::suppression;
use clap::Args;
use serde_json::json;

use super::{Recipient, reason};
use crate::cx::Cx;
use crate::format::Output;

#[derive(Args)]
pub(crate) struct Add {
    #[command(flatten)]
    whom: Recipient,
    #[command(flatten)]
    output: Output,
}

impl Add {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { whom, output } = self;
        let store = cx.store()?;
        let service = whom.of.read(&store).await?;
        let (channel, recipient) = (whom.channel(), whom.read(&service)?);
        let is_new = suppression::add(&store, service.id, channel, &recipient)
            .await
            .with_context(|| whom.of.what())?;
        let json = json!({
            "channel": channel, "recipient": &recipient, "reason": SuppressionReason::Manual,
        });
        let text = || {
            if is_new {
                format!("put {recipient} on the list")
            } else {
                format!("{recipient} was on the list already")
            }
        };
        output.render(text, json)
    }
}

#[derive(Args)]
pub(crate) struct Lift {
    #[command(flatten)]
    whom: Recipient,
    /// Only for this reason; for every reason if left out
    #[arg(long, value_parser = reason())]
    reason: Option<SuppressionReason>,
    #[command(flatten)]
    output: Output,
}

impl Lift {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            whom,
            reason,
            output,
        } = self;
        let store = cx.store()?;
        let service = whom.of.read(&store).await?;
        let (channel, recipient) = (whom.channel(), whom.read(&service)?);
        let lifted = suppression::lift(&store, service.id, channel, &recipient, reason)
            .await
            .with_context(|| format!("{} and {recipient} on its list", whom.of.what()))?;
        let reasons = lifted.iter().map(|reason| reason.as_str());
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        output.render(
            || format!("took {recipient} off the list ({reasons})"),
            json!({ "lifted": &lifted }),
        )
    }
}
