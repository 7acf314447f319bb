//! Lost answers: a call that may have reached the provider, and nobody knows.
//!
//! There is one truth about such a message and it is elsewhere: with the provider, or with the
//! recipient. A template says what is worse for its messages, one too many or one too few.

use std::time::Duration;

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

/// The wait of what is held: further ahead than anything is kept, so that nothing but a receipt, an
/// administrator or the end of its time moves it.
pub const UNTIL_DECIDED: Duration = Duration::from_secs(100 * 365 * 86_400);
