//! `carillon callback add`.

use std::path::PathBuf;

use anyhow::Context;
use carillon_core::webhook::CallbackKind;
use carillon_providers::webhook::new_secret;
use carillon_store::callback::management::{self, NewCallback};
use clap::Args;
use serde_json::json;

use super::{TOKEN, checked_token, checked_url, kind, policy};
use crate::commands::service::OfService;
use crate::cx::Cx;
use crate::format::Output;
use crate::secret;

#[derive(Args)]
pub(crate) struct Add {
    #[command(flatten)]
    of: OfService,
    /// What it is told
    #[arg(long, value_parser = kind())]
    kind: CallbackKind,
    /// Where it is called, with https
    #[arg(long)]
    url: String,
    /// File with the bearer token, or - for stdin; line ends at its end do not count
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Add {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            kind,
            url,
            token_file,
            output,
        } = self;
        let url = checked_url(&url, policy(&cx.settings()?))?;
        let token = secret::read("--token-file", token_file.as_deref(), TOKEN)?;
        let new = NewCallback {
            service_id: of.service_id,
            kind,
            url,
            bearer_token: checked_token(token)?,
            secret: new_secret(),
        };
        let added = management::create(&cx.store_with_keys()?, &new)
            .await
            .with_context(|| format!("{} and its {kind} callback", of.what()))?;
        let mut json = json!(added);
        json["secret"] = json!(new.secret);
        let text = || {
            format!(
                "{}\nThis signs calls to callback {}. It is not shown again.",
                new.secret, added.id
            )
        };
        output.render(text, json)
    }
}
