//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::scenarios::Scenario;

const AFTER_HELP: &str = "\
Run it as ./dev bench, which builds optimised, starts a PostgreSQL and a RabbitMQ of its own under
.dev/bench and tells this program where they are. Each result is printed and written to
.dev/bench/NAME.json. On a machine with other work compare cpu_us_per_message, not throughput.

Examples:
  ./dev bench
  ./dev bench pipeline --rows 1000000
  ./dev bench pipeline --compare /tmp/before /tmp/after";

/// Runs benchmarks against the optimised binaries; all scenarios when none is named
#[derive(Debug, Parser)]
#[command(name = "carillon-bench", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// The scenarios to run
    #[arg(value_name = "NAME", value_enum)]
    names: Vec<Scenario>,
    /// Makes the recipients and values that are sent
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// pipeline: measure again with this many rows in the day's tables
    #[arg(long, value_name = "N")]
    pub rows: Option<u64>,
    /// Only what CPU per message needs: one run, no floor, no latencies
    #[arg(long)]
    pub quick: bool,
    /// Two directories of binaries, measured in turns (5 runs each, as with --quick)
    #[arg(long, num_args = 2, value_names = ["DIR_A", "DIR_B"])]
    pub compare: Option<Vec<PathBuf>>,
    /// Where NAME.json goes
    #[arg(
        long,
        value_name = "DIR",
        env = "CARILLON_BENCH_OUT",
        default_value = ".dev/bench"
    )]
    pub out: PathBuf,
    /// The PostgreSQL server's process, for its CPU time
    #[arg(long, value_name = "PID", env = "CARILLON_BENCH_POSTGRES_PID")]
    pub postgres_pid: Option<u32>,
    /// The broker's process, for its CPU time
    #[arg(long, value_name = "PID", env = "CARILLON_BENCH_RABBITMQ_PID")]
    pub rabbitmq_pid: Option<u32>,
    #[command(subcommand)]
    pub internal: Option<Internal>,
}

impl Arguments {
    /// What was named, or everything.
    pub fn scenarios(&self) -> Vec<Scenario> {
        if self.names.is_empty() {
            Scenario::value_variants().to_vec()
        } else {
            self.names.clone()
        }
    }
}

/// What scenarios start as processes of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Internal {
    /// The floor of `accept`: a bare handler
    #[command(hide = true)]
    FloorAccept(FloorAccept),
    /// The floor of `pipeline`: bare statements and a bare hop
    #[command(hide = true)]
    FloorPipeline(FloorPipeline),
}

/// What the floor of `accept` is told.
#[derive(Debug, Args)]
pub(crate) struct FloorAccept {
    /// Where it listens
    #[arg(long)]
    pub port: u16,
    /// The broker
    #[arg(long)]
    pub amqp: String,
    /// The queue it publishes to
    #[arg(long)]
    pub queue: String,
    /// Whose tokens it takes
    #[arg(long)]
    pub service_id: String,
    /// What they are signed with
    #[arg(long)]
    pub secret: String,
}

/// What the floor of `pipeline` is told.
#[derive(Debug, Args)]
pub(crate) struct FloorPipeline {
    /// A migrated, empty database
    #[arg(long)]
    pub database: String,
    /// The broker
    #[arg(long)]
    pub amqp: String,
    /// The queue of the hop
    #[arg(long)]
    pub queue: String,
    /// How many messages
    #[arg(long)]
    pub messages: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn all_scenarios_run_when_none_is_named() {
        let all = Scenario::value_variants();
        assert_eq!(parse("carillon-bench").unwrap().scenarios(), all);
        let one = parse("carillon-bench pipeline --rows 1000000").unwrap();
        assert_eq!(one.scenarios(), [Scenario::Pipeline]);
    }

    #[test]
    fn an_unknown_scenario_is_refused_with_the_list() {
        let said = parse("carillon-bench speed").unwrap_err().to_string();
        for name in [
            "speed",
            "accept",
            "bulk",
            "callbacks",
            "fairness",
            "lanes",
            "pipeline",
        ] {
            assert!(said.contains(name), "{said}");
        }
    }
}
