//! `carillon callback rotate-secret`.

use anyhow::Context;
use carillon_providers::webhook::new_secret;
use carillon_store::callback::management;
use clap::Args;
use serde_json::json;

use super::OfCallback;
use crate::cx::Cx;
use crate::format::Output;

#[derive(Args)]
pub(crate) struct RotateSecret {
    #[command(flatten)]
    of: OfCallback,
    /// Make no secret: end the signing with the one before the newest
    #[arg(long)]
    retire: bool,
    #[command(flatten)]
    output: Output,
}

impl RotateSecret {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, retire, output } = self;
        let store = cx.store_with_keys()?;
        let (service_id, id) = (of.of.service_id, of.callback_id);
        if retire {
            let callback = management::retire_secret(&store, service_id, id)
                .await
                .with_context(|| of.what())?;
            let text = || format!("callback {id} is signed with its newest secret alone");
            return output.render(text, &callback);
        }
        let secret = new_secret();
        let callback = management::rotate_secret(&store, service_id, id, &secret)
            .await
            .with_context(|| of.what())?;
        let mut json = json!(callback);
        json["secret"] = json!(secret);
        let text = || {
            format!(
                "{secret}\nThis signs calls to callback {id} beside the secret before it. It is not \
                 shown again."
            )
        };
        output.render(text, json)
    }
}
