//! The binaries under test as processes.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{Environment, eventually};

/// A running binary. Killed when dropped; its log is shown when the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// Holds the log, unless it is somebody else's.
    _directory: Option<tempfile::TempDir>,
}

/// Longer than a process may take to drain.
const STOPS_WITHIN: Duration = Duration::from_secs(40);

/// How much of a log a failed test shows of each process.
const SHOWN_LINES: usize = 60;

impl Process {
    /// Starts a binary of this build with nothing in its environment but `envs`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        binary: &str,
        envs: impl IntoIterator<Item = (N, V)>,
        args: &[&str],
    ) -> Self {
        let program = Environment::get().bin_dir().join(binary);
        Self::spawn(binary, command(&program, envs, args))
    }

    /// As [`Process::start`], with its log at the end of a file that outlives it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_logging_to<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        log: &Path,
        binary: &str,
        envs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let program = Environment::get().bin_dir().join(binary);
        Self::spawn_logging(binary, command(&program, envs, &[]), log.to_owned(), None)
    }

    /// Starts Python on the arguments, such as a script of `tests/stand-ins` or `-m` and a module,
    /// with nothing in its environment.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_python<A: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> Self {
        let mut python = command(
            Environment::get().python(),
            [("PYTHONUNBUFFERED", "1")],
            &[],
        );
        python.args(args);
        Self::spawn(name, python)
    }

    fn spawn(name: &str, command: Command) -> Self {
        let directory = tempfile::tempdir().expect("a directory for logs can be made");
        let log = directory.path().join(format!("{name}.log"));
        Self::spawn_logging(name, command, log, Some(directory))
    }

    fn spawn_logging(
        name: &str,
        mut command: Command,
        log: PathBuf,
        directory: Option<tempfile::TempDir>,
    ) -> Self {
        let file: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", log.display()));
        let errors = file.try_clone().expect("an open file has a second handle");
        let child = command
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log,
            _directory: directory,
        }
    }

    /// Runs a binary to its end and returns what it wrote to standard output.
    ///
    /// # Errors
    /// What it wrote to standard error, when it fails.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn run<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        binary: &str,
        envs: impl IntoIterator<Item = (N, V)>,
        args: &[&str],
    ) -> Result<String, String> {
        let mut command = command(&Environment::get().bin_dir().join(binary), envs, args);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("starting a process does not panic")
            .unwrap_or_else(|error| panic!("{binary} cannot be started: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("{}: {}", output.status, text(&output.stderr)))
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far, to both standard output and standard error.
    #[must_use]
    pub fn logs(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How it ended; none while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL: gone at once, with nothing flushed.
    pub fn kill(&mut self) {
        // Fails only when it has ended by itself, which comes to the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended(STOPS_WITHIN).await
    }

    /// Waits until it has ended by itself, such as at a crash point.
    ///
    /// # Panics
    /// When it does not end by the deadline.
    pub async fn ended(&mut self, deadline: Duration) -> ExitStatus {
        let what = format!("{} has ended", self.name);
        let child = &mut self.child;
        eventually(&what, deadline, async || child.try_wait().ok().flatten()).await
    }

    /// Sends a signal, such as `STOP` and `CONT` to freeze it for a while.
    ///
    /// # Panics
    /// When there is no `kill` on this machine.
    pub fn signal(&self, signal: &str) {
        // The standard library only knows SIGKILL.
        Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .expect("there is a kill command");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let logs = self.logs();
            let lines: Vec<_> = logs.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- the last lines of {}:\n{}", self.name, shown.join("\n"));
        }
    }
}

fn command<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    program: &Path,
    envs: impl IntoIterator<Item = (N, V)>,
    args: &[&str],
) -> Command {
    let mut command = Command::new(program);
    // The tests' own environment must not change what is tested.
    command
        .args(args)
        .env_clear()
        .env("RUST_BACKTRACE", "1")
        .envs(envs)
        .stdin(Stdio::null());
    command
}
