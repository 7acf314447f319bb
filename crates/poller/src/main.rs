//! `carillon-poller`: relays what is due, rescues what fell out, runs the schedule.

use std::process::ExitCode;

use carillon_runtime::{About, run};

fn main() -> ExitCode {
    let about = About {
        name: "carillon-poller",
        description: "Relays notifications that are due, rescues what fell out, runs the schedule",
    };
    run(about, async |app| carillon_poller::run(app).await)
}
