//! The `carillon` command: what operators do from a shell.
//!
//! This crate knows arguments and text. What is decided is in `carillon-core`, what is stored in
//! `carillon-store`; a command parses, calls one or two of their functions and says what happened.
//!
//! A command returns what belongs on stdout as one text, so that it is printed in one place and
//! nothing is printed of a command that fails. Commands whose result may be a bad one (a check, a
//! test call, a message that is followed) print it and then fail. Errors are one line on stderr.
//!
//! To add a command: a file in `commands/` named after its noun, and a line in `commands.rs`.

mod arguments;
mod commands;
mod cx;
mod failure;
mod format;
mod input;
mod logs;
mod parse;
mod secret;
mod table;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use arguments::Arguments;
use cx::Cx;

/// Runs the command that the process was given.
///
/// The exit code is 0 when it succeeded, 1 when it did not, 2 for bad arguments, 3 when what was
/// waited for has not come in time, and 78 for bad settings.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // With stderr gone there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    match carry_out(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    logs::install()?;
    // Fails only if one is installed already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Migrations block a thread, which only this kind of runtime allows.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let cx = Cx::new(arguments.config);
    print(&runtime.block_on(arguments.command.run(&cx))?)
}

fn print(text: &str) -> anyhow::Result<()> {
    let is_ended = text.is_empty() || text.ends_with('\n');
    let line_end = if is_ended { "" } else { "\n" };
    let mut stdout = io::stdout().lock();
    let written = write!(stdout, "{text}{line_end}").and_then(|()| stdout.flush());
    match written {
        // Whoever reads has seen enough, as in `carillon service list | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to stdout"),
    }
}
