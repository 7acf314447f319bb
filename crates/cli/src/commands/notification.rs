//! `carillon notification`.

use anyhow::{Context, anyhow};
use carillon_core::ambiguity::Resolution;
use carillon_core::id::NotificationId;
use carillon_store::notification::{Resolved, read_many, resolve};
use clap::{Args, Subcommand};
use serde_json::json;

use super::provider::Why;
use super::template::AUTHOR;
use crate::cx::Cx;
use crate::format::Output;
use crate::parse;

const RESOLVE_HELP: &str = "\
A message of a template that says hold waits when a provider may have it and its answer was lost. Look
with the provider first: retry may send it a second time, give-up may end one that arrived. What is
decided is on the timeline.

Example:
  carillon notification resolve 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --give-up";

/// What can be done with one message.
#[derive(Subcommand)]
pub(crate) enum Notification {
    /// Decide about a message that waits because a provider's answer was lost
    #[command(after_help = RESOLVE_HELP)]
    Resolve(Resolve),
}

impl Notification {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Resolve(command) => command.run(cx).await,
        }
    }
}

#[derive(Args)]
#[group(id = "resolution", required = true, multiple = false, args = ["retry", "give_up"])]
pub(crate) struct Resolve {
    /// The notification's id
    #[arg(value_name = "ID", value_parser = parse::id::<NotificationId>)]
    id: NotificationId,
    /// Call a provider again
    #[arg(long)]
    retry: bool,
    /// End it
    #[arg(long)]
    give_up: bool,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    output: Output,
}

impl Resolve {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let id = self.id;
        let action = if self.retry {
            Resolution::Retry
        } else {
            Resolution::GiveUp
        };
        let (store, what) = (cx.store()?, || format!("notification {id}"));
        let resolved = resolve(&store, id, action, AUTHOR, self.why.reason())
            .await
            .with_context(what)?;
        let status = match resolved {
            Resolved::Done(status) => status,
            Resolved::JobStopped(stopped) => return Err(anyhow!("{}: {stopped}", what())),
            Resolved::NotHeld => {
                let row = read_many(&store, &[id]).await.with_context(what)?.pop();
                return Err(match row {
                    Some(row) => anyhow!(
                        "{}: is {} and does not wait for a lost answer; `carillon timeline {id}` says why",
                        what(),
                        row.status
                    ),
                    None => anyhow!("{}: does not exist, or is not saved yet", what()),
                });
            }
        };
        let json = json!({ "id": id, "status": status, "action": action });
        let text = || match action {
            Resolution::Retry => format!("{} is sent again", what()),
            Resolution::GiveUp => format!("{} is {status}", what()),
        };
        self.output.render(text, json)
    }
}
