//! `carillon job submit`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use carillon_core::id::{SenderId, TemplateId};
use chrono::{DateTime, FixedOffset};
use clap::Args;
use url::form_urlencoded::Serializer;

use super::accepted::Accepted;
use super::source::Source;
use super::watch::Watching;
use super::{refusal, upload};
use crate::commands::send::{ApiUrl, KeyFile};
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::format::{Format, Output};
use crate::input;
use crate::parse;
use crate::table::shown;

#[derive(Args)]
pub(crate) struct Submit {
    /// The CSV file, or - for stdin
    file: PathBuf,
    /// The template's id
    #[arg(long, value_name = "TEMPLATE_ID", value_parser = parse::id::<TemplateId>)]
    template: TemplateId,
    /// The job's name; that of the file if left out
    #[arg(long, value_parser = parse::name)]
    name: Option<String>,
    /// When to send it (RFC 3339); at most 96 hours ahead
    #[arg(long, value_name = "TIME")]
    scheduled_for: Option<DateTime<FixedOffset>>,
    /// The id of the reply-to address or SMS sender; the service's default if left out
    #[arg(long, value_name = "SENDER_ID", value_parser = parse::id::<SenderId>)]
    sender: Option<SenderId>,
    /// The file's character set, if the API does not see it by itself
    #[arg(long, value_name = "NAME", value_parser = charset)]
    charset: Option<String>,
    /// Send the good rows although others are wrong
    #[arg(long)]
    skip_invalid: bool,
    #[command(flatten)]
    url: ApiUrl,
    #[command(flatten)]
    key: KeyFile,
    /// Watch it until each row has its end, as `carillon job watch` does
    #[arg(long)]
    watch: bool,
    /// How many seconds to watch it at most; without it, until the end
    #[arg(long, value_name = "SECONDS", requires = "watch")]
    timeout: Option<u64>,
    #[command(flatten)]
    output: Output,
}

impl Submit {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        if self.key.reads_stdin() && input::is_stdin(&self.file) {
            return Err(bad_argument("FILE", "stdin is read for --api-key-file"));
        }
        let path = self.path();
        let api = self.url.open(cx, self.key.read()?)?;
        let opened = upload::open(&self.file, self.charset.as_deref())?;
        let answer = opened
            .send(async |upload| api.upload(&path, upload).await)
            .await?;
        if let Some(messages) = answer.refusal() {
            return Err(refused(&messages));
        }
        let accepted = Accepted::parse(&answer.body)?;
        if !self.watch {
            return self.output.render(|| accepted.text(), &answer.body);
        }
        if matches!(self.output.format, Format::Text) {
            crate::print(&accepted.text())?;
        }
        let watching = Watching {
            source: Source::Service(api),
            timeout_s: self.timeout,
        };
        watching.until_the_end(accepted.id, self.output).await
    }

    /// Where it is POSTed.
    fn path(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("template_id", &self.template.to_string());
        query.append_pair("name", &self.name());
        if let Some(at) = self.scheduled_for {
            query.append_pair("scheduled_for", &at.to_rfc3339());
        }
        if let Some(sender) = self.sender {
            query.append_pair("reply_to_id", &sender.to_string());
        }
        if self.skip_invalid {
            query.append_pair("on_invalid_rows", "skip");
        }
        format!("/v2/notifications/bulk?{}", query.finish())
    }

    fn name(&self) -> String {
        match (&self.name, self.file.file_name()) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) if !input::is_stdin(&self.file) => {
                Path::new(name).display().to_string()
            }
            (None, _) => "stdin".to_owned(),
        }
    }
}

/// Prints the rows one by one, for there may be many.
fn refused(messages: &[String]) -> anyhow::Error {
    let lines = refusal::lines(messages);
    let [only] = &lines[..] else {
        for line in &lines {
            eprintln!("{}", shown(line));
        }
        return anyhow!("nothing was sent");
    };
    anyhow!("nothing was sent: {only}")
}

/// The label of a character set, which goes into a header.
fn charset(text: &str) -> Result<String, &'static str> {
    let is_label = |c: char| c.is_ascii_alphanumeric() || "-_:.".contains(c);
    if text.is_empty() || !text.chars().all(is_label) {
        return Err("must be the name of a character set, such as utf-8 or windows-1252");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        submit: Submit,
    }

    const ID: &str = "0198c6a2-1111-7000-8000-000000000001";

    fn path(args: &[&str]) -> String {
        let line = ["submit", "--template", ID].iter().chain(args);
        Line::try_parse_from(line).expect("a command").submit.path()
    }

    #[test]
    fn what_is_asked_for_stands_in_the_query() {
        assert_eq!(
            path(&["lists/May & June.csv"]),
            format!("/v2/notifications/bulk?template_id={ID}&name=May+%26+June.csv")
        );
        let all = path(&[
            "-",
            "--scheduled-for",
            "2027-01-31T09:00:00+01:00",
            "--sender",
            ID,
            "--skip-invalid",
        ]);
        let rest = format!(
            "name=stdin&scheduled_for=2027-01-31T09%3A00%3A00%2B01%3A00&reply_to_id={ID}\
             &on_invalid_rows=skip"
        );
        assert!(all.ends_with(&rest), "{all}");
    }
}
