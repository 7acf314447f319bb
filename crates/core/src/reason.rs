//! Reason codes: why a message was held, retried, skipped or failed.
//!
//! Every code is explained for operators in `docs/reasons.md`; a test keeps the two lists equal.

/// A name that is not one of an enum's spellings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a {what}; allowed: {allowed}")]
pub struct UnknownName {
    /// The enum.
    pub what: &'static str,
    /// What was given.
    pub given: String,
    /// The spellings that exist.
    pub allowed: String,
}

text_enum! {
    /// Why something happened to a message. Written on its timeline.
    pub enum Reason {
        /// The broker could not take the message; PostgreSQL keeps it until it can.
        BrokerAway = "broker-away",
        /// A time in the future was asked for.
        Scheduled = "scheduled",
        /// The provider failed for a while; another try follows.
        ProviderFailure = "provider-failure",
        /// The provider asked for fewer calls per second.
        ProviderRate = "provider-rate",
        /// The provider's answer was lost: it may or may not have the message.
        AnswerLost = "answer-lost",
        /// The provider refused the message for good.
        ProviderRejected = "provider-rejected",
        /// The number of attempts of the lane's retry policy is used up.
        AttemptsExhausted = "attempts-exhausted",
        /// The worker that held the message vanished during or before the provider call.
        LeaseExpired = "lease-expired",
        /// The message was in no queue although it should have been.
        FellOut = "fell-out",
        /// A worker held the message without starting it for too long and gave it back.
        GivenBack = "given-back",
        /// The service has more on its way than its share of what is sent in the next seconds.
        FairShare = "fair-share",
        /// The service was suspended after the message was accepted.
        ServiceInactive = "service-inactive",
        /// The template version could not be rendered with the stored values.
        NotRenderable = "not-renderable",
        /// No active provider is configured for the channel.
        NoProvider = "no-provider",
        /// Every provider of the channel failed so often, or refuses our account, that it is left
        /// alone for now.
        ProviderPaused = "provider-paused",
        /// The result belongs to a lease that had already been taken away.
        StaleResult = "stale-result",
        /// The provider reports delivery.
        ReceiptDelivered = "receipt-delivered",
        /// The provider reports a permanent failure.
        ReceiptPermanent = "receipt-permanent-failure",
        /// The provider reports a temporary failure that it will not retry.
        ReceiptTemporary = "receipt-temporary-failure",
        /// The provider reports that delivery takes longer.
        ReceiptDelayed = "receipt-delayed",
        /// The recipient complained.
        ReceiptComplaint = "receipt-complaint",
        /// The recipient is on the service's suppression list: its address bounced.
        SuppressedHardBounce = "suppressed-hard-bounce",
        /// The recipient is on the service's suppression list: they complained.
        SuppressedComplaint = "suppressed-complaint",
        /// The recipient is on the service's suppression list: they unsubscribed.
        SuppressedUnsubscribed = "suppressed-unsubscribed",
        /// The recipient is on the service's suppression list: somebody put them there.
        SuppressedManual = "suppressed-manual",
        /// The provider never reported what became of it.
        NoReceipt = "no-receipt",
        /// It could not be handed to a provider for days.
        NeverSent = "never-sent",
        /// Too much of the service's e-mail bounces for any to be sent.
        BounceBrake = "bounce-brake",
        /// The job it belongs to is paused.
        JobPaused = "job-paused",
        /// The job it belongs to was cancelled before it was sent.
        JobCancelled = "job-cancelled",
    }
}

text_enum! {
    /// Why a payload went to quarantine instead of being handled.
    pub enum QuarantineReason {
        /// The bytes are not what the queue carries.
        Malformed = "malformed",
        /// The payload's name and version have no handler.
        UnknownTask = "unknown-task",
        /// PostgreSQL refuses the values.
        RefusedByDatabase = "refused-by-database",
        /// The id's time lies outside what is kept.
        IdOutOfRange = "id-out-of-range",
        /// A receipt names a notification that does not exist.
        UnknownNotification = "unknown-notification",
        /// It has been delivered so often without being settled that it must be what crashes the
        /// workers; it is kept unread.
        CrashesWorkers = "crashes-workers",
    }
}
