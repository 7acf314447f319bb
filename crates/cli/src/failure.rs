//! Why a command did not succeed: one line for people, an exit code for scripts.

use std::fmt::{self, Display};
use std::process::ExitCode;

/// Marks an error, as its context, that whoever called can mend or wait out. What is not marked is
/// the world's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The settings.
    Configuration,
    /// The arguments.
    Arguments,
    /// Nothing is wrong, but what was waited for has not come.
    TimedOut,
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "bad configuration",
            Self::Arguments => "bad arguments",
            Self::TimedOut => "timed out",
        })
    }
}

/// An argument whose value is not as it must be, where that is known only after parsing.
pub(crate) fn bad_argument(name: &str, message: impl Display) -> anyhow::Error {
    anyhow::anyhow!("{name}: {message}").context(Fault::Arguments)
}

/// Says on stderr what went wrong.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("carillon: {}", line(error));
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        // EX_CONFIG of sysexits, as for every Carillon process.
        Some(Fault::Configuration) => 78,
        Some(Fault::Arguments) => 2,
        Some(Fault::TimedOut) => 3,
        None => 1,
    }
}

/// One line, however many the libraries wrote.
fn line(error: &anyhow::Error) -> String {
    format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_exit_code_says_who_can_mend_it() {
        assert_eq!(code(&anyhow!("the broker is away")), 1);
        assert_eq!(code(&bad_argument("--region", "is none")), 2);
        let nested: anyhow::Result<()> = Err(anyhow!("no such host"))
            .context("database.url")
            .context(Fault::Configuration);
        assert_eq!(code(&nested.context("checking").expect_err("an error")), 78);
    }

    #[test]
    fn an_error_is_one_line() {
        let error = anyhow!("two\n  lines").context("service 1");
        assert_eq!(line(&error), "service 1: two lines");
    }
}
