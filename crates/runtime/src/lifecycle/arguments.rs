//! The command line: what every process takes, and what is its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use super::About;

#[derive(Parser)]
struct Arguments<A: Args> {
    /// File with settings (TOML); the environment lies above it
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(flatten)]
    extra: A,
}

/// Parses the arguments of this process.
///
/// # Errors
/// With the exit code, when there is nothing more to do: help or a complaint has been printed.
pub(super) fn parse<A: Args>(about: About) -> Result<(Option<PathBuf>, A), ExitCode> {
    let parsed = parse_from(about, std::env::args_os());
    parsed.map_err(|error| {
        // With stderr gone there is nobody to tell.
        let _ = error.print();
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
    })
}

fn parse_from<A: Args>(
    about: About,
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<(Option<PathBuf>, A), clap::Error> {
    let command = Arguments::<A>::command()
        .name(about.name)
        .about(about.description)
        .version(env!("CARGO_PKG_VERSION"));
    let mut matches = command.try_get_matches_from(arguments)?;
    let Arguments { config, extra } = Arguments::from_arg_matches_mut(&mut matches)?;
    Ok((config, extra))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoArguments;

    const ABOUT: About = About {
        name: "carillon-test",
        description: "Tests",
    };

    #[derive(Args, Debug)]
    struct Roles {
        #[arg(long, value_delimiter = ',')]
        queues: Vec<String>,
    }

    fn parse<A: Args>(arguments: &[&str]) -> Result<(Option<PathBuf>, A), clap::Error> {
        let all = ["carillon-test"].iter().chain(arguments);
        parse_from(ABOUT, all.map(Into::into))
    }

    #[test]
    fn a_process_has_arguments_of_its_own_beside_the_common_ones() {
        let (config, roles) =
            parse::<Roles>(&["--queues", "priority,retry", "--config", "c.toml"]).expect("valid");
        assert_eq!(config, Some(PathBuf::from("c.toml")));
        assert_eq!(roles.queues, ["priority", "retry"]);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let error = parse::<NoArguments>(&["--queues", "x"])
            .map(|_| ())
            .expect_err("unknown");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn help_and_version_say_who_answers() {
        let help = parse::<NoArguments>(&["--help"])
            .map(|_| ())
            .expect_err("help")
            .to_string();
        assert!(
            help.contains("Tests") && help.contains("--config"),
            "{help}"
        );
        let version = parse::<NoArguments>(&["--version"])
            .map(|_| ())
            .expect_err("version");
        assert_eq!(version.exit_code(), 0);
        assert!(
            version.to_string().starts_with("carillon-test "),
            "{version}"
        );
    }
}
