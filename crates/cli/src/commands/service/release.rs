//! `carillon service release-brake`.

use anyhow::{Context, bail};
use carillon_store::limits;
use clap::Args;

use super::OfService;
use crate::cx::Cx;
use crate::parse;

const AFTER_HELP: &str = "\
What was held goes on its way within a minute or so, and bounces are counted anew.

Examples:
  carillon service release-brake 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 --reason 'list cleaned, ticket 4711'";

/// Let the e-mail of a service go on that was stopped for its bounces
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReleaseBrake {
    #[command(flatten)]
    of: OfService,
    /// Why; it is kept with the brake
    #[arg(long, value_parser = parse::name)]
    reason: String,
}

impl ReleaseBrake {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        let service = self.of.read(&store).await?;
        let released = limits::release(&store, service.id, "cli", &self.reason).await;
        if !released.with_context(|| self.of.what())? {
            bail!("the e-mail of {} is not stopped", self.of.what());
        }
        Ok(format!("released the e-mail of {}", service.name))
    }
}
