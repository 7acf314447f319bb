//! What SNS's own errors mean.

use crate::aws::meaning::Meaning::{self, Failed, Rejected, Throttled};
use crate::aws::meaning::SOON;

/// The errors that SNS documents for `Publish` and `GetSMSAttributes`, by their names on the wire,
/// but for those that every service has. The kinds are explained there.
///
/// An invalid parameter is the number, the text or the sender of this message, as all else is the
/// same for every message and was checked when the provider was set up.
pub(super) fn meaning(code: &str) -> Option<Meaning> {
    Some(match code {
        "InvalidParameter" | "InvalidParameterException" => Rejected(
            "SNS does not send to this number, or not this text",
            "check that the number exists and has not opted out, and that the sender is registered \
             for its country",
        ),
        "ParameterValueInvalid"
        | "InvalidParameterValueException"
        | "UserError"
        | "UserErrorException" => Rejected(
            "SNS refuses the text or the sender",
            "check the template's length and the sender id or number",
        ),
        "OptedOut" | "OptedOutException" => Rejected(
            "the recipient has opted out of text messages from this account",
            "only they can opt in again",
        ),
        "EndpointDisabled" | "EndpointDisabledException" => Rejected(
            "the recipient's endpoint is disabled",
            "nothing can be sent there until it is enabled",
        ),
        "InvalidSecurity" | "InvalidSecurityException" => Failed(
            "the signature is wrong, or the connection is not HTTPS",
            "check the secret access key, this machine's clock and AWS_ENDPOINT_URL",
        ),
        "NotFound" | "NotFoundException" | "ResourceNotFound" | "ResourceNotFoundException" => {
            Failed(
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
        | "KMSOptInRequired" => Failed(
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
        for (code, expected) in [
            ("AuthorizationError", "failed"),
            ("EndpointDisabled", "rejected"),
            ("InternalError", "failed"),
            ("InvalidParameter", "rejected"),
            ("InvalidSecurity", "failed"),
            ("KMSAccessDenied", "failed"),
            ("KMSDisabled", "failed"),
            ("KMSInvalidState", "failed"),
            ("KMSNotFound", "failed"),
            ("KMSOptInRequired", "failed"),
            ("KMSThrottling", "throttled"),
            ("NotFound", "failed"),
            ("OptedOut", "rejected"),
            ("ParameterValueInvalid", "rejected"),
            ("PlatformApplicationDisabled", "failed"),
            ("ResourceNotFound", "failed"),
            ("Throttled", "throttled"),
            ("UserError", "rejected"),
            ("ValidationException", "rejected"),
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
