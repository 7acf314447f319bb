//! Logs of a command: none, unless somebody asks for them.

use std::io;

use anyhow::{Context, anyhow};
use carillon_runtime::settings;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Fault;

/// Sets logs up on stderr if `RUST_LOG` is set. The default filter of settings does not apply: a
/// person who runs a command reads its result, not its diary.
pub(crate) fn install() -> anyhow::Result<()> {
    let filter = settings::environment()
        .find(|(name, value)| name == "RUST_LOG" && !value.is_empty())
        .map(|(_, value)| value);
    let Some(filter) = filter else { return Ok(()) };
    let filter = EnvFilter::try_new(filter)
        .context("RUST_LOG")
        .context(Fault::Configuration)?;
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(|about| {
            !shows_values(about.target()) || *about.level() <= LevelFilter::INFO
        }))
        .with(
            tracing_subscriber::fmt::layer()
                .compact()
                .with_writer(io::stderr),
        )
        .try_init()
        .map_err(|error| anyhow!("cannot set up logs: {error}"))
}

/// Whether a library logs what it sends in full at debug or trace level: the values of statements
/// are recipients and secrets, the frames of a handshake hold the password.
fn shows_values(target: &str) -> bool {
    ["tokio_postgres", "lapin", "amq_protocol"]
        .iter()
        .any(|library| target.starts_with(library))
}
