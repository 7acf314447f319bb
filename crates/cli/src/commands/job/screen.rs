//! Where a person watches a job: a bar on stderr if that is a terminal, else a line now and then.

use std::time::Duration;

use carillon_core::job::JobStatus;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::pace::Pace;
use super::snapshot::Snapshot;
use crate::format::{Format, Output};

const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{bar:32} {percent:>3}%  {msg}";

pub(super) struct Screen {
    bar: ProgressBar,
    pace: Pace,
    began: Instant,
    said_at: Option<Instant>,
    is_text: bool,
}

impl Screen {
    pub fn new(output: Output) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self {
            bar,
            pace: Pace::default(),
            began: Instant::now(),
            said_at: None,
            is_text: matches!(output.format, Format::Text),
        }
    }

    /// Shows how far it is.
    pub fn show(&mut self, seen: &Snapshot) {
        self.pace.note(self.began.elapsed(), seen.n_ended());
        self.bar.set_length(seen.n_rows);
        self.bar.set_position(seen.n_ended());
        self.say(line(seen, &self.pace));
    }

    /// Shows why nothing can be seen for now.
    pub fn note(&mut self, error: &anyhow::Error) {
        self.say(format!("trying on: {error:#}"));
    }

    fn say(&mut self, text: String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text);
            return;
        }
        let is_due = self.said_at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        // Programs that read JSON have no use for it.
        if self.is_text && is_due {
            eprintln!("{text}");
            self.said_at = Some(Instant::now());
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn line(seen: &Snapshot, pace: &Pace) -> String {
    let mut parts = vec![seen.counts()];
    if seen.status != JobStatus::InProgress && seen.status != JobStatus::Finished {
        parts.insert(0, seen.status.to_string());
    }
    if let Some(rate) = pace.per_second() {
        parts.push(format!("{rate:.0}/s"));
    }
    if let Some(left) = pace.left(seen.n_rows).filter(|left| !left.is_zero()) {
        parts.push(format!("{} left", HumanDuration(left)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use carillon_core::notification::Status;

    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_how_long_it_takes() {
        let mut seen = Snapshot {
            id: "0198c6a2-1111-7000-8000-000000000001"
                .parse()
                .expect("an id"),
            status: JobStatus::InProgress,
            n_rows: 10_000,
            statistics: BTreeMap::from([(Status::Delivered, 4_000), (Status::Created, 2_000)]),
        };
        let mut pace = Pace::default();
        pace.note(Duration::ZERO, 0);
        pace.note(Duration::from_secs(2), 4_000);
        assert_eq!(
            line(&seen, &pace),
            "saved 6,000, sent 4,000, delivered 4,000, failed 0, 2000/s, 3 seconds left"
        );
        seen.status = JobStatus::Paused;
        let paused = line(&seen, &Pace::default());
        assert_eq!(
            paused,
            "paused, saved 6,000, sent 4,000, delivered 4,000, failed 0"
        );
    }
}
