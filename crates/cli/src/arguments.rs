//! The command line as a whole.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;

const AFTER_HELP: &str = "\
Settings come from the compiled-in defaults, the file given by --config and the environment, the
later above the earlier; `carillon config print --schema` lists every variable. Logs are off unless
RUST_LOG is set, and go to stderr.

Exit codes: 0 done, 1 failed, 2 bad arguments, 3 timed out, 78 bad settings.";

/// Operates Carillon: the database, services with their keys, templates and callbacks, providers,
/// messages, jobs, queues
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
            "carillon provider set relay --host mail.example.org --port 2525",
            "carillon provider set ses --no-credentials",
            "carillon provider add smtp relay --host h --username u --password-file - --only",
            "carillon provider add smtp --host h --tls none --inactive --weight 0",
            "carillon provider add ses --region eu-west-1 --test a@b.org --from c@d.org --force",
            "carillon provider add sns --max-price-usd 0.50 --access-key-id A",
            "carillon provider add sandbox --channel sms",
            "carillon provider weigh ses 20 --reason warming",
            "carillon provider drain ses --force",
            "carillon provider enable ses --reason back",
            "carillon provider disable ses --format json",
            "carillon provider history ses --limit 5",
            "carillon provider set ses --no-rate --reason faster",
            "carillon template when-answer-lost ID ID give-up",
            "carillon notification resolve ID --give-up --reason asked",
            "carillon provider test relay a@example.org --from b@example.org",
            "carillon provider remove relay --force",
            "carillon provider check example.org --selector s1 --selector s2 --resolver 1.1.1.1",
            "carillon provider check example.org --include _spf.example.net",
            "carillon template show ID ID --version 2",
            "carillon template versions ID ID",
            "carillon template preview ID ID --set name=Ada --format html",
            "carillon template test ID ID --to a@example.org --set name=Ada --watch",
            "carillon send email --to a@example.org --template ID --set name=Ada --watch",
            "carillon send email --to a@example.org --template ID --reply-to ID --values -",
            "carillon send sms --to 07700900111 --template ID --sender ID --watch --timeout 5",
            "carillon send sms --to 1 --template ID --scheduled-for 2027-01-31T09:00:00+01:00",
            "carillon job submit people.csv --template ID",
            "carillon job submit - --template ID --name May --sender ID --skip-invalid --watch",
            "carillon job submit p.csv --template ID --charset windows-1252 --watch --timeout 60",
            "carillon job submit p.csv --template ID --scheduled-for 2027-01-31T09:00:00Z",
            "carillon job list --service ID --status paused --status error --limit 5",
            "carillon job show ID --format json",
            "carillon job watch ID --url https://notify.example.org --api-key-file key",
            "carillon job rows ID --status failed --status sending",
            "carillon job invalid-rows ID",
            "carillon job cancel ID",
            "carillon job pause ID",
            "carillon job resume ID --format json",
            "carillon job retry-failed ID --status temporary-failure",
            "carillon timeline ID --format json --config carillon.toml",
            "carillon timeline ID --watch --timeout 300",
            "carillon ledger --service ID --lane bulk --since 7d --json",
            "carillon ledger --since 2027-01-31T09:00:00+01:00 --watch",
            "carillon queues --format json",
            "carillon queues declare",
            "carillon config print --schema",
            "carillon doctor --quiet --format json --config carillon.toml",
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
            "carillon template preview ID ID --set name",
            "carillon send email --to a@example.org",
            "carillon send email --to a@example.org --template ID --sender ID",
            "carillon send sms --to 1 --template ID --timeout 5",
            "carillon send sms --to 1 --template ID --scheduled-for tomorrow",
            "carillon job submit --template ID",
            "carillon job submit people.csv",
            "carillon job submit people.csv --template ID --timeout 5",
            "carillon job submit people.csv --template ID --charset utf-8;x",
            "carillon job list --status running",
            "carillon job rows ID --status lost",
            "carillon job retry-failed ID --status delivered",
            "carillon job cancel",
            "carillon provider set sandbox-sms",
            "carillon provider set sandbox-sms --weight 101",
            "carillon provider set sandbox-sms --from a@example.org",
            "carillon provider set ses --no-credentials --username ada",
            "carillon provider weigh ses",
            "carillon provider weigh ses 101",
            "carillon provider set ses --no-rate --rate-per-second 5",
            "carillon provider set ses --reason moved",
            "carillon template when-answer-lost ID ID perhaps",
            "carillon notification resolve ID",
            "carillon notification resolve ID --retry --give-up",
            "carillon provider add smtp relay",
            "carillon provider add smtp relay --host h --password secret",
            "carillon provider add smtp relay --host h --password-file p",
            "carillon provider add smtp relay --host h --tls ssl",
            "carillon provider add smtp relay --host h --only --inactive",
            "carillon provider add ses --force",
            "carillon provider add ses --host h",
            "carillon provider add sandbox",
            "carillon provider check localhost",
            "carillon provider check example.org --resolver dns.example.org",
            "carillon service list --format env",
            "carillon ledger --since yesterday",
            "carillon ledger --json --format text",
            "carillon queues delete",
            "carillon doctor now",
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
