//! `carillon-bench`: the benchmarks of `./dev bench`.

use std::process::ExitCode;

/// As in the binaries under test, so that the floors and ours differ in nothing that is not meant.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match carillon_bench::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("carillon-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
