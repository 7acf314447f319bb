//! `carillon suppression`.

mod change;
mod import;
mod list;

use carillon_core::service::Service;
use carillon_core::suppression::{SuppressionReason, list as recipients};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::service::OfService;
use crate::cx::Cx;
use crate::failure::bad_argument;

const IMPORT_HELP: &str = "\
The file has one recipient on each line, as a spreadsheet saves a column; a first line such as
'email address' is passed over. Nothing is imported when one line is wrong: each such line is named.
Importing a list again adds only what is new.

Examples:
  carillon suppression import 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 bounced.csv --channel email --reason hard-bounce
  grep -h @ *.txt | carillon suppression import 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 - --channel email";

const LIFT_HELP: &str = "\
Messages are sent again to whoever is lifted. Somebody who complained or unsubscribed asked not to be
written to: lift them only when they ask for it.";

/// What can be done with a service's list.
#[derive(Subcommand)]
pub(crate) enum Suppression {
    /// List whom a service does not send to, and why
    List(list::List),
    /// Put a recipient on the list
    Add(change::Add),
    /// Take a recipient off the list
    #[command(after_help = LIFT_HELP)]
    Lift(change::Lift),
    /// Put many recipients on the list
    #[command(after_help = IMPORT_HELP)]
    Import(import::Import),
}

impl Suppression {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::List(command) => command.run(cx).await,
            Self::Add(command) => command.run(cx).await,
            Self::Lift(command) => command.run(cx).await,
            Self::Import(command) => command.run(cx).await,
        }
    }
}

/// The recipient that a command is about. What has an @ is an e-mail address.
#[derive(Args)]
pub(crate) struct Recipient {
    #[command(flatten)]
    of: OfService,
    /// An e-mail address or a phone number; national numbers are read in the service's region
    recipient: String,
}

impl Recipient {
    fn channel(&self) -> carillon_core::channel::Channel {
        recipients::channel_of(&self.recipient)
    }

    /// The recipient in the form in which recipients are compared.
    fn read(&self, service: &Service) -> anyhow::Result<String> {
        recipients::read(self.channel(), &service.region, &self.recipient)
            .map_err(|message| bad_argument("RECIPIENT", message))
    }
}

/// `hard-bounce`, `complaint`, `unsubscribed` or `manual`.
fn reason() -> impl TypedValueParser<Value = SuppressionReason> {
    PossibleValuesParser::new(SuppressionReason::ALL.iter().map(|reason| reason.as_str()))
        .try_map(|text| text.parse::<SuppressionReason>())
}
