//! The scenarios, in one list. Their names and what each measures are a contract with those who
//! read the results.

mod accept;
mod bulk;
mod callbacks;
mod fairness;
mod lanes;
mod pipeline;

use clap::ValueEnum;

use crate::arguments::Arguments;
use crate::report::Report;
use crate::usage::{Group, Groups};

/// A scenario; its file has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Closed-loop POST /email, the API alone, beside a bare handler
    Accept,
    /// A job of 100,000 rows from the 201 to the last `delivered`, and one of 10,000
    Bulk,
    /// Calls to ten services, then the latency of nine while one hangs
    Callbacks,
    /// Latency of a service that sends little, alone and beside one that offers the provider twice
    /// what it takes
    Fairness,
    /// Latency of priority messages on an idle installation, then while a job of 100,000 rows drains
    Lanes,
    /// 50,000 e-mails from the first POST to the last `delivered`, then latencies at a third of that
    Pipeline,
}

impl Scenario {
    /// As it is named on the command line and in the result's file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Bulk => "bulk",
            Self::Callbacks => "callbacks",
            Self::Fairness => "fairness",
            Self::Lanes => "lanes",
            Self::Pipeline => "pipeline",
        }
    }

    /// Its main figure.
    pub const fn headline(self) -> &'static str {
        match self {
            Self::Accept => "rps",
            Self::Bulk => "rows_per_second",
            Self::Callbacks => "per_second",
            Self::Fairness => "quiet_p99_beside_noisy_ms",
            Self::Lanes => "priority_p99_ms",
            Self::Pipeline => "per_second",
        }
    }

    /// Carries it out.
    pub async fn run(self, arguments: &Arguments) -> anyhow::Result<Report> {
        progress(&format!("{}: preparing", self.name()));
        match self {
            Self::Accept => accept::run(arguments).await,
            Self::Bulk => bulk::run(arguments).await,
            Self::Callbacks => callbacks::run(arguments).await,
            Self::Fairness => fairness::run(arguments).await,
            Self::Lanes => lanes::run(arguments).await,
            Self::Pipeline => pipeline::run(arguments).await,
        }
    }
}

/// The servers and this process itself. A server that this machine does not run has no figures.
fn servers(arguments: &Arguments) -> Groups {
    let mut groups = Groups::default();
    groups.add("generator", Group::Process(std::process::id()));
    if let Some(pid) = arguments.postgres_pid {
        groups.add("postgresql", Group::Server(pid));
    }
    if let Some(pid) = arguments.rabbitmq_pid {
        groups.add("rabbitmq", Group::Server(pid));
    }
    groups
}

/// A line for those who wait; standard output is for results.
pub(crate) fn progress(line: &str) {
    eprintln!("  .. {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_file_of_its_name() {
        // `./dev bench` takes the names from the files.
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenarios");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                Some(
                    entry
                        .unwrap()
                        .file_name()
                        .to_str()?
                        .strip_suffix(".rs")?
                        .to_owned(),
                )
            })
            .collect();
        files.sort();
        let names = Scenario::value_variants()
            .iter()
            .map(|scenario| scenario.name());
        assert_eq!(names.collect::<Vec<_>>(), files);
        for scenario in Scenario::value_variants() {
            assert_eq!(
                scenario.to_possible_value().unwrap().get_name(),
                scenario.name()
            );
        }
    }
}
