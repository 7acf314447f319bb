//! `carillon suppression list`.

use anyhow::Context;
use carillon_core::channel::Channel;
use carillon_core::suppression::list as recipients;
use carillon_store::suppression::{self, Place, Suppression};
use clap::Args;
use serde_json::json;

use crate::commands::service::OfService;
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;
use crate::parse;
use crate::table::{Column, or_dash, table};

/// Entries read at a time.
const PAGE: usize = 1_000;

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfService,
    /// Only this channel
    #[arg(long, value_parser = parse::channel())]
    channel: Option<Channel>,
    /// Only this e-mail address or phone number
    #[arg(long, conflicts_with = "channel")]
    recipient: Option<String>,
    /// At most so many entries
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        // Without the service there would be an empty list, as if nobody were on it.
        let service = self.of.read(&store).await?;
        let entries = match &self.recipient {
            Some(text) => {
                let channel = recipients::channel_of(text);
                let recipient = recipients::read(channel, &service.region, text)
                    .map_err(|message| bad_argument("--recipient", message))?;
                suppression::of_recipient(&store, service.id, channel, &recipient)
                    .await
                    .with_context(|| self.of.what())?
            }
            None => self.page(&store).await?,
        };
        let json = json!({ "suppressions": &entries });
        self.output.render(|| list(&entries), json)
    }

    async fn page(&self, store: &carillon_store::Store) -> anyhow::Result<Vec<Suppression>> {
        let mut entries: Vec<Suppression> = Vec::new();
        loop {
            let wanted = PAGE.min(self.limit.saturating_sub(entries.len()));
            let after = entries.last().map(Place::from);
            let of = self.of.service_id;
            let page = suppression::list(store, of, self.channel, after.as_ref(), wanted)
                .await
                .with_context(|| self.of.what())?;
            let is_last = page.len() < wanted || wanted == 0;
            entries.extend(page);
            if is_last {
                return Ok(entries);
            }
        }
    }
}

fn list(entries: &[Suppression]) -> String {
    let columns = [
        Column::Left("CHANNEL"),
        Column::Left("RECIPIENT"),
        Column::Left("REASON"),
        Column::Left("SINCE"),
        Column::Left("MESSAGE"),
    ];
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            [
                entry.channel.to_string(),
                entry.recipient.clone(),
                entry.reason.to_string(),
                entry.created_at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
                or_dash(entry.source_notification_id),
            ]
        })
        .collect();
    table(columns, &rows)
}
