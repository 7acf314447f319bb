//! Lost answers: a call that may have reached the provider, and nobody knows.
//!
//! There is one truth about such a message and it is elsewhere: with the provider, or with the
//! recipient. A template says what is worse for its messages, one too many or one too few.

use std::time::Duration;

use crate::job::JobStatus;

text_enum! {
    /// What follows when a provider's answer was lost.
    pub enum WhenAnswerLost {
        /// Another call, by the lane's policy: the recipient may get it twice.
        Retry = "retry",
        /// No other call until a receipt or an administrator settles it.
        Hold = "hold",
        /// It ends: the recipient may have it or not.
        GiveUp = "give-up",
    }
}

#[expect(clippy::derivable_impls, reason = "`text_enum!` writes the enum")]
impl Default for WhenAnswerLost {
    fn default() -> Self {
        Self::Retry
    }
}

text_enum! {
    /// What an administrator decides about a message that waits because its answer was lost.
    pub enum Resolution {
        /// Call a provider again.
        Retry = "retry",
        /// End it.
        GiveUp = "give-up",
    }
}

/// Why a message is not sent again although somebody asked for it: nothing of a stopped job is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobStopped {
    /// It may go on.
    #[error("its job is paused: resume the job first")]
    Paused,
    /// It never goes on.
    #[error("its job is cancelled and sends nothing more: give-up can end it")]
    Cancelled,
}

impl JobStopped {
    /// What a job's status has against it, if anything.
    #[must_use]
    pub const fn of(status: JobStatus) -> Option<Self> {
        match status {
            JobStatus::Paused => Some(Self::Paused),
            JobStatus::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// The wait of what is held: further ahead than anything is kept, so that nothing but a receipt, an
/// administrator or the end of its time moves it.
pub const UNTIL_DECIDED: Duration = Duration::from_secs(100 * 365 * 86_400);
