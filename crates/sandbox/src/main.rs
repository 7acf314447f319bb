//! The stand-in provider's process.

use std::process::ExitCode;

use carillon_runtime::{About, App, run};

const ABOUT: About = About {
    name: "carillon-sandbox",
    description: "Stand-in provider for development and tests: takes messages, reports receipts",
};

fn main() -> ExitCode {
    run(ABOUT, async |app: App| {
        carillon_sandbox::command::run(app).await
    })
}
