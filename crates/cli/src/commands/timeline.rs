//! `carillon timeline`.

mod entry;
mod follow;
mod snapshot;
mod source;
mod words;

use anyhow::{Context, anyhow};
use carillon_core::id::NotificationId;
use clap::Args;

use crate::cx::Cx;
use crate::format::Output;
use crate::parse;

pub(crate) use follow::{Follow, Following};
pub(crate) use source::Source;

const AFTER_HELP: &str = "\
Times are relative to the first event. docs/reasons.md explains every reason.

Examples:
  carillon timeline 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42
  carillon timeline 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --watch --timeout 300";

/// Show what happened to a notification, and why
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Timeline {
    /// The notification's id
    #[arg(value_name = "ID", value_parser = parse::id::<NotificationId>)]
    id: NotificationId,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    output: Output,
}

impl Timeline {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { id, follow, output } = self;
        let find = || Ok(Source::Database(cx.store()?));
        let what = format!("notification {id}");
        if let Some(following) = follow.prepare(find)? {
            return following.until_the_end(id, &what, output).await;
        }
        let seen = find()?.read(id).await.with_context(|| what.clone())?;
        let seen = seen.ok_or_else(|| anyhow!("{what}: does not exist, or is not saved yet"))?;
        output.render(|| seen.text(), &seen)
    }
}
