//! What SES's own errors mean.

use crate::aws::fault::Said;
use crate::aws::meaning::Meaning::{self, NotAdmitted, Rejected, Unfit};

/// The errors that SES documents for `SendEmail` and `GetAccount`, but for those that every service
/// has. The kinds are explained there.
///
/// `MessageRejected` covers content that SES takes for harmful, which will not change, and what is
/// wrong with the account: an unverified sender, an unverified recipient while the account is in
/// SES's sandbox, and paused sending. Only its text tells them apart. A domain for `MAIL FROM` that
/// lost its DNS records concerns all messages alike and is put right outside.
pub(super) fn meaning(code: &str, said: Option<Said>) -> Option<Meaning> {
    Some(match (code, said) {
        ("MessageRejected" | "BadRequestException", Some(Said::Unverified)) => Unfit(
            "an address or domain is not verified in this region",
            "verify the sender's address or domain there; while the account is in SES's sandbox, \
             the recipient too",
        ),
        ("MessageRejected", Some(Said::Paused)) | ("SendingPausedException", _) => NotAdmitted(
            "sending is paused for the account or its configuration set",
            "see why in SES's console under reputation, and resume it there",
        ),
        ("MessageRejected", _) => Rejected(
            "SES refuses the message",
            "look at its content, which SES may take for harmful",
        ),
        ("BadRequestException", _) => Rejected(
            "SES finds the message malformed",
            "check the recipient's and the sender's address, and that the message is no larger \
             than SES takes",
        ),
        ("AccountSuspendedException", _) => NotAdmitted(
            "SES has stopped the account's sending for good",
            "write to AWS's support, and send through another provider until then",
        ),
        ("MailFromDomainNotVerifiedException", _) => Unfit(
            "the sender's custom MAIL FROM domain has no valid MX record",
            "put its DNS records right, or let SES fall back to its own domain",
        ),
        ("NotFoundException", _) => NotAdmitted(
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
        for (code, said, expected) in [
            ("AccountSuspendedException", None, "failed"),
            ("BadRequestException", None, "rejected"),
            ("LimitExceededException", None, "throttled"),
            ("MailFromDomainNotVerifiedException", None, "failed"),
            ("MessageRejected", None, "rejected"),
            ("MessageRejected", Some(Said::Unverified), "failed"),
            ("MessageRejected", Some(Said::Paused), "failed"),
            ("BadRequestException", Some(Said::Unverified), "failed"),
            ("NotFoundException", None, "failed"),
            ("SendingPausedException", None, "failed"),
            ("TooManyRequestsException", None, "throttled"),
        ] {
            let fault = Fault::Refused(Refusal {
                status: 400,
                code: Some(code.into()),
                said,
                ..Refusal::default()
            });
            assert_eq!(outcome(&fault, meaning).name(), expected, "{code} {said:?}");
        }
    }
}
