//! `carillon job retry-failed`.

use carillon_core::notification::Status;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::OfJob;
use super::accepted::Accepted;
use crate::commands::send::{ApiUrl, Credentials};
use crate::cx::Cx;
use crate::format::Output;

/// What may succeed another time.
const MAY_SUCCEED: [&str; 2] = [
    Status::TemporaryFailure.as_str(),
    Status::TechnicalFailure.as_str(),
];

#[derive(Args)]
pub(crate) struct RetryFailed {
    #[command(flatten)]
    of: OfJob,
    /// Rows that failed like this; may be given several times
    #[arg(long, value_parser = failure(), default_values = MAY_SUCCEED)]
    status: Vec<Status>,
    #[command(flatten)]
    url: ApiUrl,
    #[command(flatten)]
    output: Output,
}

impl RetryFailed {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let api = self.url.open(cx, Credentials::admin(cx)?)?;
        let body = json!({ "statuses": self.status });
        let path = format!("/api/jobs/{}/retry-failed", self.of.job_id);
        let answer = api.post(&path, &body).await?;
        let accepted = Accepted::parse(&answer)?;
        self.output.render(|| accepted.text(), &answer)
    }
}

fn failure() -> impl TypedValueParser<Value = Status> {
    let all = Status::of_filter("failed").unwrap_or_default();
    PossibleValuesParser::new(all.into_iter().map(Status::as_str))
        .try_map(|text| text.parse::<Status>())
}
