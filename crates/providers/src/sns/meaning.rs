//! What SNS's own errors mean.

use crate::aws::fault::Said;
use crate::aws::meaning::Meaning::{self, Failed, NotAdmitted, Rejected, Throttled, Unfit};
use crate::aws::meaning::SOON;

/// The errors that SNS documents for `Publish` and `GetSMSAttributes`, by their names on the wire,
/// but for those that every service has. The kinds are explained there.
///
/// An invalid parameter is the number or the text of this message, or else whom it is from: that is
/// the service's, is registered with the account, and only the text of the error names it.
pub(super) fn meaning(code: &str, said: Option<Said>) -> Option<Meaning> {
    Some(match code {
        "InvalidParameter"
        | "InvalidParameterException"
        | "ParameterValueInvalid"
        | "InvalidParameterValueException"
        | "UserError"
        | "UserErrorException"
            if said == Some(Said::Sender) =>
        {
            Unfit(
                "SNS refuses the sender id or the number to send from",
                "register it with the account for the recipient's country, or change the service's \
                 sender",
            )
        }
        "InvalidParameter" | "InvalidParameterException" => Rejected(
            "SNS does not send to this number, or not this text",
            "check that the number exists and has not opted out",
        ),
        "ParameterValueInvalid"
        | "InvalidParameterValueException"
        | "UserError"
        | "UserErrorException" => Rejected("SNS refuses the text", "check the template's length"),
        "OptedOut" | "OptedOutException" => Rejected(
            "the recipient has opted out of text messages from this account",
            "only they can opt in again",
        ),
        "EndpointDisabled" | "EndpointDisabledException" => Rejected(
            "the recipient's endpoint is disabled",
            "nothing can be sent there until it is enabled",
        ),
        "InvalidSecurity" | "InvalidSecurityException" => NotAdmitted(
            "the signature is wrong, or the connection is not HTTPS",
            "check the secret access key, this machine's clock and AWS_ENDPOINT_URL",
        ),
        "NotFound" | "NotFoundException" | "ResourceNotFound" | "ResourceNotFoundException" => {
            Unfit(
                "SNS finds no such resource in this region",
                "check the provider's region and the sender's number",
            )
        }
        "PlatformApplicationDisabled" | "PlatformApplicationDisabledException" => Failed(
            "the platform application is disabled",
            "enable it in SNS's console",
        ),
        "KMSThrottling" | "KMSThrottlingException" => Throttled(SOON),
        "KMSAccessDenied" | "KMSDisabled" | "KMSInvalidState" | "KMSNotFound"
        | "KMSOptInRequired" => NotAdmitted(
            "SNS cannot use the key that encrypts its messages",
            "look at the key in KMS's console: its state, its region and its policy",
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
    fn every_error_of_publish_has_its_outcome() {
        for (code, said, expected) in [
            ("AuthorizationError", None, "failed"),
            ("EndpointDisabled", None, "rejected"),
            ("InternalError", None, "failed"),
            ("InvalidParameter", None, "rejected"),
            ("InvalidParameter", Some(Said::Sender), "failed"),
            ("InvalidSecurity", None, "failed"),
            ("KMSAccessDenied", None, "failed"),
            ("KMSDisabled", None, "failed"),
            ("KMSInvalidState", None, "failed"),
            ("KMSNotFound", None, "failed"),
            ("KMSOptInRequired", None, "failed"),
            ("KMSThrottling", None, "throttled"),
            ("NotFound", None, "failed"),
            ("OptedOut", None, "rejected"),
            ("ParameterValueInvalid", None, "rejected"),
            ("ParameterValueInvalid", Some(Said::Sender), "failed"),
            ("PlatformApplicationDisabled", None, "failed"),
            ("ResourceNotFound", None, "failed"),
            ("Throttled", None, "throttled"),
            ("UserError", None, "rejected"),
            ("UserError", Some(Said::Sender), "failed"),
            ("ValidationException", None, "rejected"),
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
