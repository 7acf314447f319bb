//! `carillon-aggregator`: admits or holds on-call messages.

use std::process::ExitCode;

use carillon_runtime::About;

const ABOUT: About = About {
    name: "carillon-aggregator",
    description: "Admits or holds on-call messages",
};

fn main() -> ExitCode {
    carillon_runtime::run(ABOUT, carillon_aggregator::run)
}
