//! `carillon service demo`.

mod make;

use anyhow::Context;
use carillon_core::id::{ServiceId, TemplateId};
use clap::{Args, ValueEnum};

use crate::cx::Cx;
use make::make;

const AFTER_HELP: &str = "\
Running it again completes what is missing and makes three new keys, since keys are shown only once.

Examples:
  carillon service demo
  eval \"$(carillon service demo --format env)\"";

/// Create a service to try Carillon with: templates, keys, safelist and the sandbox as provider
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Demo {
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: DemoFormat,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum DemoFormat {
    /// For people
    #[default]
    Text,
    /// `export NAME=value` lines for a shell
    Env,
}

impl Demo {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let made = make(&cx.store_with_keys()?)
            .await
            .context("the demo service")?;
        Ok(match self.format {
            DemoFormat::Text => made.text(),
            DemoFormat::Env => made.env(),
        })
    }
}

/// The demo service as it stands now. Has no `Debug`: it holds keys.
struct Made {
    service_id: ServiceId,
    live: String,
    team: String,
    test: String,
    email_template_id: TemplateId,
    sms_template_id: TemplateId,
}

impl Made {
    fn env(&self) -> String {
        [
            ("SERVICE_ID", self.service_id.to_string()),
            ("API_KEY", self.live.clone()),
            ("API_KEY_TEAM", self.team.clone()),
            ("API_KEY_TEST", self.test.clone()),
            ("EMAIL_TEMPLATE_ID", self.email_template_id.to_string()),
            ("SMS_TEMPLATE_ID", self.sms_template_id.to_string()),
        ]
        .map(|(name, value)| format!("export {name}={value}\n"))
        .concat()
    }

    fn text(&self) -> String {
        let facts = [
            ("service", self.service_id.to_string()),
            ("e-mail template", self.email_template_id.to_string()),
            ("SMS template", self.sms_template_id.to_string()),
            ("live key", self.live.clone()),
            ("team key", self.team.clone()),
            ("test key", self.test.clone()),
        ]
        .map(|(label, value)| format!("{label:<15}  {value}\n"));
        format!("{}The keys are not shown again.", facts.concat())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn env_is_nothing_but_exports() {
        let made = Made {
            service_id: ServiceId(Uuid::from_u128(1)),
            live: "live-1-2".to_owned(),
            team: "team-1-3".to_owned(),
            test: "test-1-4".to_owned(),
            email_template_id: TemplateId(Uuid::from_u128(5)),
            sms_template_id: TemplateId(Uuid::from_u128(6)),
        };
        insta::assert_snapshot!(made.env(), @r"
        export SERVICE_ID=00000000-0000-0000-0000-000000000001
        export API_KEY=live-1-2
        export API_KEY_TEAM=team-1-3
        export API_KEY_TEST=test-1-4
        export EMAIL_TEMPLATE_ID=00000000-0000-0000-0000-000000000005
        export SMS_TEMPLATE_ID=00000000-0000-0000-0000-000000000006
        ");
    }
}
