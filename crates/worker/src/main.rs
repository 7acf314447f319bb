//! `carillon-worker`: carries out the tasks on the queues.

use std::process::ExitCode;

use carillon_runtime::{About, run_with};
use carillon_worker::Roles;

// Messages are many small allocations on many threads; the quiet processes do without it and stay
// small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(clap::Args)]
struct Args {
    /// The queues to consume, separated by commas; all when left out
    #[arg(long, env = "CARILLON_WORKER_QUEUES", value_name = "QUEUES", default_value_t = Roles::all())]
    queues: Roles,
}

fn main() -> ExitCode {
    let about = About {
        name: "carillon-worker",
        description: "Saves and delivers notifications, applies receipts, calls services: carries out the tasks on the queues",
    };
    run_with(about, async |app, args: Args| {
        carillon_worker::run(app, args.queues).await
    })
}
