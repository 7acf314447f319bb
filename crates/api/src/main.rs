//! `carillon-api`: the HTTP front of Carillon.

use std::process::ExitCode;

use carillon_runtime::{About, run};

// Messages are many small allocations on many threads; the quiet processes do without it and stay
// small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let about = About {
        name: "carillon-api",
        description: "Accepts e-mail and SMS over HTTP, takes receipts, answers reads and management",
    };
    run(about, async |app| carillon_api::run(app).await)
}
