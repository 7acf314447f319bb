//! Named points where tests may kill, stop or slow the process.
//!
//! [`crash_point!`](crate::crash_point!) compiles to nothing unless this crate's feature
//! `failpoints` is on, which only test builds turn on. Then the environment variable
//! `FAILPOINTS`, read by [`run`](crate::run) at start, says what happens where, as
//! `name=action;name=action`:
//!
//! | action | at the point |
//! |---|---|
//! | `return` | the process is gone at once, as if killed: nothing is flushed, no destructor runs |
//! | `panic` | the task panics |
//! | `sleep(ms)` | the thread, not only the task, stands still for that long |
//! | `pause` | the thread stands still until the point is set anew |
//! | `print(text)` | a line is logged through the crate `log` |
//! | `off` | nothing |
//!
//! `3*off->return` lets three pass and dies at the fourth; `5%return` dies at one in twenty. What
//! `FAILPOINTS` names but no code reaches has no effect; what cannot be parsed panics at start.

/// Marks a point where tests may kill the process: `crash_point!("worker.save.committed")`. Names are
/// unique: process, task, and the step just done. See [`mod@crate::crash_point`].
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::crash_point::reach($name)
    };
}

/// Marks a point where tests may kill the process: `crash_point!("worker.save.committed")`. Names are
/// unique: process, task, and the step just done. See [`mod@crate::crash_point`].
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {};
}

/// What [`crash_point!`](crate::crash_point!) expands to.
#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub fn reach(name: &'static str) {
    fail::fail_point!(name, |_| std::process::abort());
}

/// Keeps the points set until dropped.
pub(crate) struct Scenario {
    #[cfg(feature = "failpoints")]
    _points: fail::FailScenario<'static>,
}

/// Sets the points as `FAILPOINTS` says.
pub(crate) fn from_environment() -> Scenario {
    Scenario {
        #[cfg(feature = "failpoints")]
        _points: fail::FailScenario::setup(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_unset_point_is_passed() {
        crash_point!("test-unset");
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn a_set_point_is_reached_by_its_name() {
        fail::cfg("test-set", "1*panic(reached)").expect("an action");
        let first = std::panic::catch_unwind(|| crash_point!("test-set"));
        assert!(first.is_err());
        crash_point!("test-set");
    }

    /// Runs itself again as the process that is killed.
    #[cfg(feature = "failpoints")]
    #[test]
    fn return_kills_the_process() {
        use std::os::unix::process::ExitStatusExt;

        if std::env::var_os("FAILPOINTS").is_some() {
            let _points = super::from_environment();
            (0..3).for_each(|_| crash_point!("test-kill"));
            std::process::exit(0);
        }
        let itself = std::env::current_exe().expect("the test binary");
        let run = |points: &str| {
            std::process::Command::new(&itself)
                .args(["--exact", "crash_point::tests::return_kills_the_process"])
                .env("FAILPOINTS", points)
                .output()
                .expect("it starts")
                .status
        };
        assert_eq!(run("test-kill=2*off->return").signal(), Some(6));
        assert!(run("test-kill=3*off->return").success());
    }
}
