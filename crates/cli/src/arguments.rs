//! The command line as a whole.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;

const AFTER_HELP: &str = "\
Settings come from the compiled-in defaults, the file given by --config and the environment, the
later above the earlier; `carillon config print --schema` lists every variable. Logs are off unless
RUST_LOG is set, and go to stderr.

Exit codes: 0 done, 1 failed, 2 bad arguments, 78 bad settings.";

/// Operates Carillon: the database, services and their keys and templates, providers, queues
#[derive(Parser)]
#[command(name = "carillon", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// File with settings (TOML); the environment lies above it
    #[arg(long, value_name = "PATH", global = true)]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refusal(line: &str) -> clap::Error {
        match Arguments::try_parse_from(line.split(' ')) {
            Ok(_) => panic!("{line} was accepted"),
            Err(error) => error,
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_is_explained() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let name = argument.get_id();
                assert!(
                    argument.get_help().is_some(),
                    "{} {name}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Arguments::command());
    }

    #[test]
    fn commands_take_what_their_help_says() {
        const ID: &str = "0198c6a2-1111-7000-8000-000000000001";
        for line in [
            "carillon migrate --wait 0",
            "carillon service create Demo --trial --region FR",
            "carillon service demo --format env",
            "carillon service update ID --active false",
            "carillon service safelist ID a@example.org 07700900111",
            "carillon service add-sender ID email team@example.org --default",
            "carillon key create ID live --type live",
            "carillon key revoke ID ID",
            "carillon template create ID Code --channel sms --body ((code)) --lane priority",
            "carillon template create ID Mail --channel email --subject S --body-file -",
            "carillon template edit ID ID --subject S",
            "carillon template set-lane ID ID bulk",
            "carillon provider set sandbox-sms --weight 100",
            "carillon timeline ID --format json --config carillon.toml",
            "carillon config print --schema",
        ] {
            let line = line.replace("ID", ID);
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        const ID: &str = "0198c6a2-1111-7000-8000-000000000001";
        for line in [
            "carillon timeline 0198c6a2111170008000000000000001",
            "carillon service update ID",
            "carillon service add-sender ID fax 123",
            "carillon key create ID live",
            "carillon key create ID live --type normal",
            "carillon template create ID T --channel sms",
            "carillon template create ID T --channel sms --body a --body-file b",
            "carillon template show ID ID --version 0",
            "carillon template edit ID ID",
            "carillon provider set sandbox-sms",
            "carillon provider set sandbox-sms --weight 101",
            "carillon service list --format env",
        ] {
            assert_eq!(refusal(&line.replace("ID", ID)).exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn an_id_that_is_none_is_explained() {
        let text = refusal("carillon timeline 17").to_string();
        assert!(
            text.contains("'17'") && text.contains("36 characters"),
            "{text}"
        );
    }
}
