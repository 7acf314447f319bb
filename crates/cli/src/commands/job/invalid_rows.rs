//! `carillon job invalid-rows`.

use anyhow::{Context, anyhow};
use carillon_connect::job_payloads::JobPayloads;
use clap::Args;

use super::OfJob;
use crate::cx::Cx;
use crate::failure::Fault;

#[derive(Args)]
pub(crate) struct InvalidRows {
    #[command(flatten)]
    of: OfJob,
}

impl InvalidRows {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        let job = self.of.read(&store).await?;
        let payloads = JobPayloads::open(&cx.settings()?)
            .await
            .context(Fault::Configuration)?;
        let csv = payloads
            .invalid_rows(&store, job.id, &job.storage)
            .await
            .with_context(|| self.of.what())?
            .ok_or_else(|| anyhow!("{}: no rows were left out", self.of.what()))?;
        String::from_utf8(csv.into()).with_context(|| self.of.what())
    }
}
