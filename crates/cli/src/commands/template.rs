//! `carillon template`.

mod preview;
mod read;
mod test;
mod texts;
mod versions;
mod write;

use carillon_core::id::TemplateId;
use clap::{Args, Subcommand};

use super::service::OfService;
use crate::cx::Cx;
use crate::parse;

/// Who is noted as author of what is written from a command line.
pub(crate) const AUTHOR: &str = "command line";

const CREATE_HELP: &str = "\
((name)) in a text is replaced by the value of this name; ((name??text)) shows the text if the value
is yes.

Examples:
  carillon template create SERVICE_ID 'One-time code' --channel sms --lane priority \\
      --body '((code)) is your code.'
  carillon template create SERVICE_ID Welcome --channel email --subject 'Hello ((name))' \\
      --body-file welcome.txt
  TEMPLATE_ID=$(carillon template create SERVICE_ID Hi --channel sms --body Hi --format id)";

const PREVIEW_HELP: &str = "\
A placeholder without a value is named on stderr and stays as written.

Examples:
  carillon template preview SERVICE_ID TEMPLATE_ID --set name=Ada
  carillon template preview SERVICE_ID TEMPLATE_ID --values values.json --format html >preview.html";

const TEST_HELP: &str = "\
It is checked and goes as a message of the service does, through the API, which must know the
administrator's token in ADMIN_TOKEN (or api.admin_token of the settings).

Example:
  carillon template test SERVICE_ID TEMPLATE_ID --to ada@example.org --set name=Ada --watch";

const WHEN_ANSWER_LOST_HELP: &str = "\
retry calls a provider again: somebody may get the message twice. hold waits for a receipt, or for
`carillon notification resolve`: somebody may wait in vain. give-up ends it. It counts for all messages
of the template from then on; docs/ambiguity.md says more.

Example:
  carillon template when-answer-lost SERVICE_ID TEMPLATE_ID hold";

/// What can be done with templates.
#[derive(Subcommand)]
pub(crate) enum Template {
    /// Create a template with its first version
    #[command(after_help = CREATE_HELP)]
    Create(write::Create),
    /// List a service's templates in use, newest first
    List(read::List),
    /// Show a template's texts
    Show(read::Show),
    /// List a template's versions, newest first
    Versions(versions::Versions),
    /// Show what would be sent with given values
    #[command(after_help = PREVIEW_HELP)]
    Preview(preview::Preview),
    /// Send a message as administrator, to see it arrive
    #[command(after_help = TEST_HELP)]
    Test(test::Test),
    /// Append a version, which is used from then on; a text left out stays as it is
    Edit(write::Edit),
    /// Set a template's lane, for messages accepted from then on
    SetLane(write::SetLane),
    /// Set what follows when a provider may have a message and its answer was lost
    #[command(after_help = WHEN_ANSWER_LOST_HELP)]
    WhenAnswerLost(write::SetWhenAnswerLost),
    /// Archive a template: it cannot be used any more
    Archive(write::Archive),
}

impl Template {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Create(command) => command.run(cx).await,
            Self::List(command) => command.run(cx).await,
            Self::Show(command) => command.run(cx).await,
            Self::Versions(command) => command.run(cx).await,
            Self::Preview(command) => command.run(cx).await,
            Self::Test(command) => command.run(cx).await,
            Self::Edit(command) => command.run(cx).await,
            Self::SetLane(command) => command.run(cx).await,
            Self::WhenAnswerLost(command) => command.run(cx).await,
            Self::Archive(command) => command.run(cx).await,
        }
    }
}

/// The template that a command is about.
#[derive(Args)]
pub(crate) struct OfTemplate {
    #[command(flatten)]
    pub of: OfService,
    /// The template's id, as shown by `carillon template list`
    #[arg(value_name = "TEMPLATE_ID", value_parser = parse::id::<TemplateId>)]
    pub template_id: TemplateId,
}

impl OfTemplate {
    /// The context of an error about it.
    pub fn what(&self) -> String {
        format!("{} and template {}", self.of.what(), self.template_id)
    }
}
