//! `carillon template test`.

use clap::Args;
use serde_json::json;

use super::OfTemplate;
use crate::commands::send::{ApiUrl, Credentials, Values, report};
use crate::commands::timeline::{Follow, Source};
use crate::cx::Cx;
use crate::format::Output;

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    of: OfTemplate,
    /// To whom: an e-mail address or a phone number, as the template's channel is
    #[arg(long, value_name = "RECIPIENT")]
    to: String,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    url: ApiUrl,
    #[command(flatten)]
    follow: Follow,
    #[command(flatten)]
    output: Output,
}

impl Test {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let api = self.url.open(cx, Credentials::admin(cx)?)?;
        let (service_id, id) = (self.of.of.service_id, self.of.template_id);
        let path = format!("/api/services/{service_id}/templates/{id}/test-send");
        let body = json!({ "recipient": self.to, "personalisation": self.values.read()? });
        let find = || Ok(Source::of_administrator(&api));
        let following = self.follow.prepare(find)?;
        let answer = api.post(&path, &body).await?;
        report(&answer, following, self.output).await
    }
}
