//! What codes mean, in half a sentence. docs/reasons.md says the rest.

use carillon_core::notification::Status;
use carillon_core::reason::Reason;

/// A reason as `code: words`; one that this build does not know stays as it is.
pub(super) fn of_reason(code: &str) -> String {
    match code.parse() {
        Ok(reason) => format!("{code}: {}", reason_in_words(reason)),
        Err(_) => code.to_owned(),
    }
}

/// What a status means once nothing more is waited for.
pub(super) const fn of_status(status: Status) -> &'static str {
    match status {
        Status::Created => "it is on its way or waits",
        Status::Sending => "a provider has it and will report",
        Status::Pending => "the provider reports that it takes longer",
        Status::Sent => "the provider has it, and reports nothing after that",
        Status::Delivered => "the provider reports that it arrived",
        Status::PermanentFailure => "it can never be delivered to this recipient",
        Status::TemporaryFailure => "it was not delivered, though a later message may be",
        Status::TechnicalFailure => "it could not be sent",
        Status::Cancelled => "it was withdrawn",
    }
}

const fn reason_in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::BrokerAway => "it waits until RabbitMQ takes messages again",
        Reason::Scheduled => "it waits for the time that was asked for",
        Reason::ProviderFailure => "the provider did not take it; another try follows",
        Reason::ProviderRate => "the provider asks for fewer calls; another try follows",
        Reason::AnswerLost => "the provider may have it, its answer was lost",
        Reason::ProviderRejected => "the provider refuses it for good",
        Reason::AttemptsExhausted => "every try that the lane allows has failed",
        Reason::LeaseExpired => "the worker that held it vanished; it is sent on again",
        Reason::FellOut => "it was in no queue; it is sent on again",
        Reason::FairShare => {
            "its service has more on its way than its share; it waits for its turn"
        }
        Reason::GivenBack => "a worker could not start it; another takes it",
        Reason::ServiceInactive => "the service is suspended",
        Reason::NotRenderable => "the template or its values cannot be read",
        Reason::ProviderPaused => "every provider of this channel is left alone for now; it waits",
        Reason::NoProvider => "no active provider has this channel; it waits for one",
        Reason::StaleResult => "the answer came after its lease had been taken away",
        Reason::ReceiptDelivered => "the provider reports that it arrived",
        Reason::ReceiptPermanent => "the provider reports that the address does not work",
        Reason::ReceiptTemporary => "the provider gave up for now",
        Reason::ReceiptDelayed => "the provider reports that it takes longer",
        Reason::ReceiptComplaint => "the recipient complained",
        Reason::SuppressedHardBounce => "not sent: a message to this address bounced",
        Reason::SuppressedComplaint => "not sent: the recipient complained of an earlier message",
        Reason::SuppressedUnsubscribed => "not sent: the recipient wants no more messages",
        Reason::SuppressedManual => "not sent: the recipient was put on the suppression list",
        Reason::NoReceipt => "the provider never reported what became of it",
        Reason::BounceBrake => "too much of the service's e-mail bounces; it waits to be released",
        Reason::JobPaused => "its job is paused; it waits until the job goes on",
        Reason::JobCancelled => "its job was cancelled before it was sent",
        Reason::NeverSent => "it could not be handed to a provider for days",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_keeps_its_code_so_that_it_can_be_looked_up() {
        let words = of_reason("fell-out");
        assert!(words.starts_with("fell-out: "), "{words}");
        assert_eq!(of_reason("of-a-later-build"), "of-a-later-build");
    }
}
