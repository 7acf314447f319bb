//! What every Carillon process has, whatever its work: settings, telemetry, a life with an
//! orderly end, health, loops that repeat, and points where tests may kill it.
//!
//! This crate knows no domain: no queue, no table, no message. It depends on no other Carillon
//! crate, so that all of them may depend on it.
//!
//! A binary is its work and one call:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use carillon_runtime::{About, App, run};
//!
//! const ABOUT: About = About { name: "carillon-example", description: "Shows how to begin" };
//!
//! fn main() -> ExitCode {
//!     run(ABOUT, async |app: App| {
//!         let ready = app.health.component("example");
//!         ready.set_ready(true);
//!         app.shutdown.cancelled().await;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! - A new setting: a documented line in `settings/default.toml` and a field in its section; if it
//!   has no default, also a line in `settings/variables.rs`. A test fails if one is forgotten.
//! - A loop: [`ticker`], spawned through [`Tasks`].
//! - A place to kill a process in tests: [`crash_point!`].

pub mod crash_point;
pub mod health;
pub mod lifecycle;
pub mod settings;
pub mod tasks;
pub mod telemetry;
pub mod ticker;

pub use health::{Component, Health};
pub use lifecycle::{About, App, NoArguments, run, run_with};
pub use settings::{Settings, SettingsError};
pub use tasks::Tasks;
pub use telemetry::Telemetry;
