//! What SES's own errors mean.

use crate::aws::meaning::Meaning::{self, Failed, Rejected};

/// The errors that SES documents for `SendEmail` and `GetAccount`, but for those that every service
/// has. The kinds are explained there.
///
/// `MessageRejected` covers the unverified sender, the sandbox's unverified recipient and content
/// that SES takes for harmful, and only its text tells them apart; it is held against the message,
/// as one of them will not change. A domain for `MAIL FROM` that lost its DNS records concerns all
/// messages alike and is put right outside.
pub(super) fn meaning(code: &str) -> Option<Meaning> {
    Some(match code {
        "MessageRejected" => Rejected(
            "SES refuses the message",
            "verify the sender's address or domain in this region; while the account is in SES's \
             sandbox, the recipient too; if both are, look at the content",
        ),
        "BadRequestException" => Rejected(
            "SES finds the message malformed",
            "check the recipient's and the sender's address, and that the message is no larger \
             than SES takes",
        ),
        "AccountSuspendedException" => Failed(
            "SES has stopped the account's sending for good",
            "write to AWS's support, and send through another provider until then",
        ),
        "SendingPausedException" => Failed(
            "sending is paused for the account or its configuration set",
            "see why in SES's console under reputation, and resume it there",
        ),
        "MailFromDomainNotVerifiedException" => Failed(
            "the sender's custom MAIL FROM domain has no valid MX record",
            "put its DNS records right, or let SES fall back to its own domain",
        ),
        "NotFoundException" => Failed(
            "the configuration set does not exist in this region",
            "create it, or correct the provider's configuration_set or region",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::fault::{Fault, Refusal};
    use crate::aws::meaning::outcome;

    #[test]
    fn every_error_of_send_email_has_its_outcome() {
        for (code, expected) in [
            ("AccountSuspendedException", "failed"),
            ("BadRequestException", "rejected"),
            ("LimitExceededException", "throttled"),
            ("MailFromDomainNotVerifiedException", "failed"),
            ("MessageRejected", "rejected"),
            ("NotFoundException", "failed"),
            ("SendingPausedException", "failed"),
            ("TooManyRequestsException", "throttled"),
        ] {
            let fault = Fault::Refused(Refusal {
                status: 400,
                code: Some(code.into()),
                ..Refusal::default()
            });
            assert_eq!(outcome(&fault, meaning).name(), expected, "{code}");
        }
    }
}
