//! `carillon suppression import`.

use std::path::PathBuf;

use anyhow::Context;
use carillon_core::channel::Channel;
use carillon_core::suppression::SuppressionReason;
use carillon_core::suppression::list::{BadLine, read_lines};
use carillon_store::suppression;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use super::reason;
use crate::commands::service::OfService;
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::Output;
use crate::input;
use crate::parse;

/// Lines of an error that are still read by a person; the rest is counted.
const SHOWN: usize = 20;

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    of: OfService,
    /// File with one recipient on each line, or - for stdin
    file: PathBuf,
    /// The channel of all of them
    #[arg(long, value_parser = parse::channel())]
    channel: Channel,
    /// Why they are on the list
    #[arg(long, value_parser = reason(), default_value = "manual")]
    reason: SuppressionReason,
    #[command(flatten)]
    output: Output,
}

impl Import {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            file,
            channel,
            reason,
            output,
        } = self;
        let store = cx.store()?;
        let service = of.read(&store).await?;
        let text = input::read("FILE", &file)?;
        let recipients = read_lines(channel, &service.region, &text)
            .map_err(|bad| bad_argument("FILE", refused(&bad)))?;
        // Draws on stderr, and on a terminal only.
        let progress = ProgressBar::new(u64::try_from(recipients.len()).unwrap_or(u64::MAX));
        let mut n_new = 0;
        for batch in recipients.chunks(suppression::IMPORT_BATCH) {
            n_new += suppression::import(&store, service.id, channel, batch, reason)
                .await
                .with_context(|| of.what())?;
            progress.inc(u64::try_from(batch.len()).unwrap_or_default());
        }
        progress.finish_and_clear();
        let json = json!({
            "channel": channel, "reason": reason, "given": recipients.len(), "new": n_new,
        });
        let text = || {
            format!(
                "put {n_new} of {} on the list; the others were there",
                recipients.len()
            )
        };
        output.render(text, json)
    }
}

/// Every bad line with its number, as far as a person reads.
fn refused(bad: &[BadLine]) -> String {
    let shown = bad.iter().take(SHOWN);
    let shown = shown.map(|BadLine { number, message }| format!("line {number}: {message}"));
    let mut lines: Vec<String> = shown.collect();
    if bad.len() > SHOWN {
        let rest = bad.iter().skip(SHOWN).map(|line| line.number.to_string());
        lines.push(format!(
            "also lines {}",
            rest.collect::<Vec<_>>().join(", ")
        ));
    }
    format!("nothing was imported; {}", lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_line_is_numbered_however_many_there_are() {
        let bad: Vec<BadLine> = (1..=22)
            .map(|number| BadLine {
                number,
                message: "no".to_owned(),
            })
            .collect();
        let text = refused(&bad);
        assert!(text.starts_with("nothing was imported; line 1: no; line 2: no;"));
        assert!(text.ends_with("line 20: no; also lines 21, 22"), "{text}");
    }
}
