//! `carillon-escalator`: advances incidents on their plans.

use std::process::ExitCode;

use carillon_runtime::About;

const ABOUT: About = About {
    name: "carillon-escalator",
    description: "Advances incidents on their plans",
};

fn main() -> ExitCode {
    carillon_runtime::run(ABOUT, carillon_escalator::run)
}
