//! Why a message is not believed.

use super::source::NoAnswer;

/// The reasons, in words that quote nothing of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is accepted.
    #[error("no topic is configured (receipts.sns_topics)")]
    NoTopics,
    /// The body is no message of SNS.
    #[error("not a message of SNS")]
    Malformed,
    /// Another topic than those that are listed.
    #[error("the topic is not listed (receipts.sns_topics)")]
    Topic,
    /// Too old, or from the future.
    #[error("the message is too old or its time lies ahead")]
    Stale,
    /// Neither version 1 nor version 2.
    #[error("the signature's version is unknown")]
    SignatureVersion,
    /// The certificate does not lie on a genuine SNS host.
    #[error("the signing certificate's address is not one of SNS")]
    CertificateAddress,
    /// The certificate could not be fetched.
    #[error("the signing certificate cannot be fetched")]
    Certificate(#[source] NoAnswer),
    /// Too many other certificates are being fetched.
    #[error("the signing certificate cannot be fetched now")]
    CertificateTurn,
    /// What was fetched is no certificate.
    #[error("what lies at the signing certificate's address is no certificate")]
    CertificateContent,
    /// The certificate has expired or is not valid yet.
    #[error("the signing certificate is not valid at this time")]
    CertificatePeriod,
    /// Another key or another text was signed.
    #[error("the signature does not verify")]
    Signature,
    /// The address to confirm with is not genuine, or would do something else.
    #[error("the address to confirm the subscription with is not one of SNS")]
    SubscribeAddress,
}

impl Refusal {
    /// A short word for metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoTopics => "no-topics",
            Self::Malformed => "malformed",
            Self::Topic => "topic",
            Self::Stale => "stale",
            Self::SignatureVersion => "signature-version",
            Self::CertificateAddress => "certificate-address",
            Self::Certificate(_) => "certificate-fetch",
            Self::CertificateTurn => "certificate-turn",
            Self::CertificateContent => "certificate-content",
            Self::CertificatePeriod => "certificate-period",
            Self::Signature => "signature",
            Self::SubscribeAddress => "subscribe-address",
        }
    }

    /// Whether the same message may be believed later, so that SNS should bring it again.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::Certificate(NoAnswer::Away) | Self::CertificateTurn
        )
    }
}
