//! Where a template's texts come from: the command line, a file or stdin.

use std::path::PathBuf;

use anyhow::anyhow;
use carillon_core::channel::Channel;
use carillon_core::template::check_texts;
use clap::Args;

use crate::failure::Fault;
use crate::input;

/// `--body` or `--body-file`.
#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct Body {
    /// The body
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// The file with the body, or - for stdin; line ends at its end do not count
    #[arg(long, value_name = "PATH")]
    body_file: Option<PathBuf>,
}

impl Body {
    /// The text; none if neither was given.
    pub fn read(self) -> anyhow::Result<Option<String>> {
        let Some(path) = self.body_file else {
            return Ok(self.body);
        };
        let text = input::read("--body-file", &path)?;
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

/// Refuses texts that break a rule, naming every rule that is broken.
pub(crate) fn check(channel: Channel, subject: Option<&str>, body: &str) -> anyhow::Result<()> {
    let violations = check_texts(channel, subject, body);
    if violations.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = violations
        .iter()
        .map(|(field, message)| format!("--{field}: {message}"))
        .collect();
    Err(anyhow!(lines.join("; ")).context(Fault::Arguments))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn line_ends_at_the_end_of_a_file_do_not_count() {
        let path = std::env::temp_dir().join(format!("carillon-body-{}", std::process::id()));
        fs::write(&path, "one\ntwo\n\n").expect("a file");
        let read = Body {
            body: None,
            body_file: Some(path.clone()),
        }
        .read();
        fs::remove_file(&path).expect("the file");
        assert_eq!(read.expect("text").as_deref(), Some("one\ntwo"));
    }

    #[test]
    fn every_broken_rule_is_named() {
        let error = check(Channel::Email, None, " ").expect_err("no subject, no body");
        assert_eq!(
            format!("{error:#}"),
            "bad arguments: --subject: is needed for an e-mail; --body: must not be empty",
        );
    }
}
