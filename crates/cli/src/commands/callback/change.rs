//! `carillon callback update` and `remove`.

use std::path::PathBuf;

use anyhow::Context;
use carillon_store::callback::management::{self, Changes};
use clap::Args;

use super::{OfCallback, TOKEN, checked_token, checked_url, policy, read};
use crate::cx::Cx;
use crate::format::Output;
use crate::secret;

/// What is changed: at least one thing.
#[derive(Args)]
#[group(id = "callback_changes", required = true, multiple = true, args = ["url", "token_file", "active"])]
pub(crate) struct Update {
    #[command(flatten)]
    of: OfCallback,
    /// Where it is called, with https
    #[arg(long)]
    url: Option<String>,
    /// File with the bearer token, or - for stdin; line ends at its end do not count
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Whether it is called
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    #[command(flatten)]
    output: Output,
}

impl Update {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            url,
            token_file,
            active,
            output,
        } = self;
        let policy = policy(&cx.settings()?);
        let url = url.map(|url| checked_url(&url, policy)).transpose()?;
        let bearer_token = match &token_file {
            None => None,
            file => Some(checked_token(secret::read(
                "--token-file",
                file.as_deref(),
                TOKEN,
            )?)?),
        };
        let store = match bearer_token {
            Some(_) => cx.store_with_keys()?,
            None => cx.store()?,
        };
        let changes = Changes {
            url,
            bearer_token,
            active,
        };
        let changed = management::update(&store, of.of.service_id, of.callback_id, &changes)
            .await
            .with_context(|| of.what())?;
        output.render(|| read::show(&changed, None), &changed)
    }
}

#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    of: OfCallback,
}

impl Remove {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let of = self.of;
        management::remove(&cx.store()?, of.of.service_id, of.callback_id)
            .await
            .with_context(|| of.what())?;
        Ok(format!("removed callback {}", of.callback_id))
    }
}
