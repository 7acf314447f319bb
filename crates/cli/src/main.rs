//! `carillon`: the command line for operators.

use std::process::ExitCode;

fn main() -> ExitCode {
    carillon_cli::run()
}
