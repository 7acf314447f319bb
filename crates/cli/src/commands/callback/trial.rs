//! `carillon callback test`.

use anyhow::{Context, anyhow};
use carillon_providers::webhook::Webhooks;
use carillon_providers::webhook::trial::Tried;
use carillon_store::callback::management;
use carillon_store::health;
use clap::Args;

use super::{OfCallback, policy};
use crate::cx::Cx;
use crate::format::Output;

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    of: OfCallback,
    #[command(flatten)]
    output: Output,
}

impl Test {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, output } = self;
        let (settings, store) = (cx.settings()?, cx.store_with_keys()?);
        let callback = of.read(&store).await?;
        let with = management::credentials(&store, of.of.service_id, of.callback_id)
            .await
            .with_context(|| of.what())?;
        let at = health::now(&store).await.with_context(|| of.what())?;
        let webhooks = Webhooks::new(policy(&settings), settings.callbacks.timeout)
            .context("cannot call anybody")?;
        let tried = webhooks
            .try_out(&callback.url, &with.token, &with.secrets, at)
            .await;
        let printed = output.render(|| said(&tried), &tried)?;
        if tried.delivered {
            return Ok(printed);
        }
        // What the receiver said is the result, although it is no success.
        crate::print(&printed)?;
        Err(anyhow!("{}: did not take the test call", of.what()))
    }
}

fn said(tried: &Tried) -> String {
    let what = match (tried.http_status, &tried.error) {
        (Some(code), _) => format!("answered with {code}"),
        (None, Some(error)) => error.clone(),
        (None, None) => "not answered".to_owned(),
    };
    format!("{what} after {} ms", tried.duration_ms)
}
