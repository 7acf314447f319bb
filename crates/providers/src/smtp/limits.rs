//! How long a call and each of its steps may take.

use std::time::Duration;

use tokio::time::Instant;

/// The time limits of one call.
///
/// Of the whole, getting a turn may take a quarter, reaching the server half, and each answer
/// before the message a quarter. The message and the answer to it have all that is left: there,
/// running out of time leaves open whether the server has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    whole: Duration,
    deadline: Instant,
}

impl Limits {
    /// Limits of a call that starts now and takes at most `whole`.
    pub(super) fn of(whole: Duration) -> Self {
        Self {
            whole,
            deadline: Instant::now() + whole,
        }
    }

    /// When a turn must have come.
    pub(super) fn turn(&self) -> Instant {
        self.within(self.whole / 4)
    }

    /// When the server must have been reached.
    pub(super) fn reach(&self) -> Instant {
        self.within(self.whole / 2)
    }

    /// When the next answer must have come.
    pub(super) fn step(&self) -> Instant {
        self.within(self.whole / 4)
    }

    /// When all must be over.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    fn within(&self, time: Duration) -> Instant {
        self.deadline.min(Instant::now() + time)
    }
}
