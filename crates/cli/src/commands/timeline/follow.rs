//! `--watch`: following a notification until nothing more is to come.

use std::time::Duration;

use anyhow::anyhow;
use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use clap::Args;
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};

use super::entry::seconds;
use super::snapshot::Snapshot;
use super::source::Source;
use super::words;
use crate::failure::Fault;
use crate::format::{Format, Output};

/// `--watch` and `--timeout`
#[derive(Args)]
pub(crate) struct Follow {
    /// Follow the message until it is delivered, sent or given up
    ///
    /// The timeline is read from the API with the administrator's token in ADMIN_TOKEN, else from
    /// the database if DATABASE_URL is set. With neither, the API is asked for the status with the
    /// service's key, and only its changes are shown. The exit code is 0 if the message was
    /// delivered or sent, 1 if it failed, and 3 if it is still under way at the time-out.
    #[arg(long)]
    watch: bool,
    /// How many seconds to follow it at most
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "watch")]
    timeout: u64,
}

/// Often enough to look live, and nothing to a server.
const EVERY: Duration = Duration::from_millis(200);

impl Follow {
    /// The following that was asked for, if it was. A source that cannot be had is known before
    /// anything is sent.
    pub fn prepare(
        self,
        find: impl FnOnce() -> anyhow::Result<Source>,
    ) -> anyhow::Result<Option<Following>> {
        let timeout_s = self.timeout;
        self.watch
            .then(|| find().map(|source| Following { source, timeout_s }))
            .transpose()
    }
}

/// A following that can begin.
pub(crate) struct Following {
    source: Source,
    timeout_s: u64,
}

impl Following {
    /// Prints the opening and each entry as it comes, and returns the last line. As JSON nothing
    /// is printed before the end. What did not arrive is an error.
    pub async fn until_the_end(
        mut self,
        id: NotificationId,
        opening: &str,
        output: Output,
    ) -> anyhow::Result<String> {
        let screen = Screen::new(output);
        screen.say(opening)?;
        let (seen, is_over) = self.watch(id, &screen).await?;
        drop(screen);
        let last = output.render(|| last_line(seen.as_ref()), &seen)?;
        let status = seen.map(|seen| seen.status);
        match verdict(status, is_over) {
            Verdict::Arrived => Ok(last),
            verdict => {
                crate::print(&last)?;
                Err(verdict.error(id, status, self.timeout_s))
            }
        }
    }

    /// Reads until the end or the time-out; what was read last, and whether it was the end.
    async fn watch(
        &mut self,
        id: NotificationId,
        screen: &Screen,
    ) -> anyhow::Result<(Option<Snapshot>, bool)> {
        let deadline = Instant::now() + Duration::from_secs(self.timeout_s);
        let (mut n_said, mut last) = (0, None);
        loop {
            match self.source.read(id).await {
                Ok(Some(seen)) => {
                    for line in seen.lines_from(n_said) {
                        screen.say(&line)?;
                    }
                    n_said = n_said.max(seen.events.len());
                    screen.show(seen.status);
                    last = Some(seen);
                }
                Ok(None) => {}
                // That it cannot be read for now says nothing about the message.
                Err(error) if Instant::now() < deadline => screen.note(&error),
                Err(error) => {
                    let what = format!("notification {id} cannot be read");
                    return Err(error.context(what).context(Fault::TimedOut));
                }
            }
            let is_over = last.as_ref().is_some_and(|seen| seen.status.is_completed());
            if is_over || Instant::now() >= deadline {
                return Ok((last, is_over));
            }
            sleep(EVERY).await;
        }
    }
}

/// What became of a message that was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Arrived,
    Failed,
    StillUnderWay,
}

const fn verdict(status: Option<Status>, is_over: bool) -> Verdict {
    match status {
        Some(Status::Delivered | Status::Sent) => Verdict::Arrived,
        Some(_) if is_over => Verdict::Failed,
        _ => Verdict::StillUnderWay,
    }
}

impl Verdict {
    fn error(self, id: NotificationId, status: Option<Status>, timeout_s: u64) -> anyhow::Error {
        let status = status.map_or("not saved", Status::as_str);
        if self == Self::StillUnderWay {
            return anyhow!("notification {id} is {status} after {timeout_s} s")
                .context(Fault::TimedOut);
        }
        anyhow!("notification {id} was not delivered: {status}")
    }
}

fn last_line(seen: Option<&Snapshot>) -> String {
    match seen {
        Some(seen) => format!(
            "{} {}: {}",
            seen.status,
            seconds(seen.lasted()),
            words::of_status(seen.status)
        ),
        None => "not saved yet, or there is no such notification".to_owned(),
    }
}

/// Where a person watches: lines on stdout, a spinner on stderr if that is a terminal.
struct Screen {
    spinner: ProgressBar,
    is_text: bool,
}

impl Screen {
    fn new(output: Output) -> Self {
        let is_text = matches!(output.format, Format::Text);
        // Draws on stderr, and nothing where that is no terminal.
        let spinner = ProgressBar::new_spinner();
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self { spinner, is_text }
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        if self.is_text {
            self.spinner.suspend(|| crate::print(line))?;
        }
        Ok(())
    }

    fn show(&self, status: Status) {
        self.spinner.set_message(status.as_str());
    }

    fn note(&self, error: &anyhow::Error) {
        self.spinner.set_message(format!("trying on: {error:#}"));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_arrived_is_a_success() {
        for status in Status::ALL {
            let expected = match status {
                Status::Delivered | Status::Sent => Verdict::Arrived,
                Status::Created | Status::Sending | Status::Pending => Verdict::StillUnderWay,
                _ => Verdict::Failed,
            };
            assert_eq!(verdict(Some(*status), status.is_completed()), expected);
        }
        assert_eq!(verdict(None, false), Verdict::StillUnderWay);
    }
}
