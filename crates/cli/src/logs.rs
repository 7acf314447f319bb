//! Logs of a command: none, unless somebody asks for them.

use std::io;

use anyhow::{Context, anyhow};
use carillon_runtime::settings;
use carillon_runtime::telemetry::shows_no_values;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
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
        .with(filter_fn(shows_no_values))
        .with(
            tracing_subscriber::fmt::layer()
                .compact()
                .with_writer(io::stderr),
        )
        .try_init()
        .map_err(|error| anyhow!("cannot set up logs: {error}"))
}
