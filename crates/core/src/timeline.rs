//! The timeline's events: what can be read of a message's life.

text_enum! {
    /// One kind of entry on a notification's timeline.
    pub enum TimelineEvent {
        /// Saved after it was accepted.
        Accepted = "accepted",
        /// A provider was called; the detail says what it answered.
        Attempted = "attempted",
        /// A result came after its lease had been taken away; status unchanged.
        AttemptedLate = "attempted-late",
        /// It waits; the reason says for what.
        Held = "held",
        /// It was found in no queue, or its worker vanished; it is sent on again.
        Rescued = "rescued",
        /// An administrator decided that it goes on; the detail says how.
        Resolved = "resolved",
        /// We gave up.
        Failed = "failed",
        /// It was withdrawn before it was sent.
        Cancelled = "cancelled",
        /// A provider's report.
        Receipt = "receipt",
    }
}
