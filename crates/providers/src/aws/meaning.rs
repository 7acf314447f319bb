//! What AWS's errors mean, and what to do about them.

#[cfg(test)]
mod tests;

use std::time::Duration;

use carillon_core::attempt::{Blame, Outcome};

use super::fault::{Fault, Refusal, Said};
use crate::provider::Unreachable;

/// A limit by the second has room again after this.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// A quota by the day counts the last 24 hours, so that it has a little room again at any time; AWS
/// suggests to try every ten minutes.
const ROLLING_QUOTA: Duration = Duration::from_secs(600);

/// A limit of which nobody says by what it is counted.
const UNSTATED_LIMIT: Duration = Duration::from_secs(60);

/// What an error means: each with what is wrong, and what an operator can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The message cannot be sent, now or later.
    Rejected(&'static str, &'static str),
    /// AWS is at fault, or what lies between.
    Failed(&'static str, &'static str),
    /// The account, its credentials or its settings are wrong; once they are put right, all messages
    /// can be sent.
    NotAdmitted(&'static str, &'static str),
    /// Something of the account that this message needs is wrong, such as its sender; once it is put
    /// right, the message can be sent.
    Unfit(&'static str, &'static str),
    /// The message may have been taken nevertheless.
    Ambiguous(&'static str, &'static str),
    /// There were too many calls; how long to wait unless AWS says.
    Throttled(Duration),
}

use Meaning::{Ambiguous, Failed, NotAdmitted, Rejected, Throttled, Unfit};

/// The meanings of one service's own errors, by AWS's names of them and what the text adds.
pub(crate) type Own = fn(&str, Option<Said>) -> Option<Meaning>;

/// The outcome of a call that went wrong.
pub(crate) fn outcome(fault: &Fault, own: Own) -> Outcome {
    if let Fault::Refused(refusal) = fault
        && let Throttled(unstated) = meaning(refusal, own)
    {
        let after = wait(refusal, unstated);
        return Outcome::Throttled { after };
    }
    let (kind, what, advice) = explain(fault, own);
    let detail = format!("{what}; {advice}");
    match kind {
        Kind::Rejected => Outcome::Rejected { detail },
        Kind::Failed(blame) => Outcome::Failed { detail, blame },
        Kind::Ambiguous => Outcome::Ambiguous { detail },
    }
}

/// Why a probe went wrong.
pub(crate) fn unreachable(fault: &Fault, own: Own) -> Unreachable {
    let (_, what, advice) = explain(fault, own);
    Unreachable {
        what,
        advice: advice.to_owned(),
    }
}

enum Kind {
    Rejected,
    Failed(Blame),
    Ambiguous,
}

fn explain(fault: &Fault, own: Own) -> (Kind, String, &'static str) {
    let (kind, what, advice) = match fault {
        Fault::Refused(refusal) => {
            let name = match &refusal.code {
                Some(code) => code.clone(),
                None => format!("status {}", refusal.status),
            };
            let (kind, what, advice) = match meaning(refusal, own) {
                Rejected(what, advice) => (Kind::Rejected, what, advice),
                Failed(what, advice) => (Kind::Failed(Blame::Provider), what, advice),
                NotAdmitted(what, advice) => (Kind::Failed(Blame::Account), what, advice),
                Unfit(what, advice) => (Kind::Failed(Blame::Message), what, advice),
                Ambiguous(what, advice) => (Kind::Ambiguous, what, advice),
                Throttled(_) => (
                    Kind::Failed(Blame::Provider),
                    "there are more calls than the account's limits allow",
                    "wait, or have its quotas raised",
                ),
            };
            return (kind, format!("{name}: {what}"), advice);
        }
        Fault::Unprepared => (
            Kind::Failed(Blame::Account),
            "the call could not be signed or addressed",
            "give the provider an access key, or this process a role or the AWS_ variables, and \
             check the region",
        ),
        Fault::Unconnected => (
            Kind::Failed(Blame::Provider),
            "no connection",
            "check the region, AWS_ENDPOINT_URL, name resolution, firewall and proxy",
        ),
        Fault::Late => (Kind::Ambiguous, "no answer in time", CHECK_WAY),
        Fault::Lost => (
            Kind::Ambiguous,
            "connection lost before the answer",
            CHECK_WAY,
        ),
        Fault::Unreadable => (
            Kind::Ambiguous,
            "the answer is unreadable",
            "check that AWS_ENDPOINT_URL and proxies lead to AWS",
        ),
    };
    (kind, what.to_owned(), advice)
}

const CHECK_WAY: &str = "check the network to AWS, and AWS's own health page if it goes on";

fn wait(refusal: &Refusal, unstated: Duration) -> Duration {
    match refusal.retry_after {
        Some(stated) => stated,
        None if refusal.said == Some(Said::ByTheDay) => ROLLING_QUOTA,
        None => unstated,
    }
}

fn meaning(refusal: &Refusal, own: Own) -> Meaning {
    refusal
        .code
        .as_deref()
        .and_then(|code| own(code, refusal.said).or_else(|| common(code)))
        .unwrap_or_else(|| by_status(refusal.status))
}

/// Errors that any service of AWS's may answer with. Older services and newer ones spell them with
/// and without `Exception`.
///
/// Here and in the services' own tables an error is
/// - rejected, if the same message would meet it again whatever an operator does about the account;
/// - not admitted, if it is about the account, its credentials or its settings: the provider is left
///   alone until somebody has put it right, and messages wait or go another way;
/// - unfit, if it is about what the account knows of this message's sender or recipient: retries go on
///   for hours, in which somebody can put it right;
/// - failed, if it is AWS's own fault, or that of the way there;
/// - throttled, if only the number of calls is wrong, which costs a message no attempt;
/// - ambiguous, if AWS does not say whether the message was taken.
fn common(code: &str) -> Option<Meaning> {
    let stem = code.strip_suffix("Exception").unwrap_or(code);
    Some(match stem {
        "Throttling"
        | "Throttled"
        | "RequestThrottled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceeded" => Throttled(SOON),
        "LimitExceeded" | "ServiceQuotaExceeded" | "QuotaExceeded" => Throttled(UNSTATED_LIMIT),
        "AccessDenied"
        | "AuthorizationError"
        | "NotAuthorized"
        | "Unauthorized"
        | "UnauthorizedOperation" => NotAdmitted(
            "the user or role of the credentials may not make this call",
            "allow ses:SendEmail, ses:SendRawEmail and ses:GetAccount or sns:Publish and \
             sns:GetSMSAttributes in its policy",
        ),
        "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "InvalidToken" => NotAdmitted(
            "AWS does not know the access key",
            "check the provider's access key, or the role or AWS_ variables of this process",
        ),
        "SignatureDoesNotMatch" | "InvalidSignature" | "IncompleteSignature" => NotAdmitted(
            "the signature is wrong",
            "check the secret access key and this machine's clock",
        ),
        "ExpiredToken" | "TokenRefreshRequired" => NotAdmitted(
            "the temporary credentials have expired",
            "renew them, or use a role or an access key",
        ),
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => NotAdmitted(
            "the signature's time is not AWS's",
            "set this machine's clock",
        ),
        "OptInRequired" | "SubscriptionRequired" => NotAdmitted(
            "the account is not signed up for the service or the region",
            "sign it up, or change the region",
        ),
        "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "InternalServer"
        | "ServiceUnavailable"
        | "ServiceFailure" => Failed(
            "AWS is at fault or overloaded",
            "look at AWS's health page if it goes on",
        ),
        "RequestTimeout" => Failed(
            "AWS did not get the whole request in time",
            "check the network to AWS",
        ),
        "RequestAborted" => Ambiguous("AWS broke off the call", CHECK_WAY),
        "InvalidAction"
        | "MissingAction"
        | "UnknownOperation"
        | "NotImplemented"
        | "InvalidQueryParameter"
        | "MalformedQueryString"
        | "MalformedHttpRequest" => Failed(
            "what answers does not know the call",
            "check that AWS_ENDPOINT_URL and proxies lead to AWS",
        ),
        "Validation"
        | "ValidationError"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "Serialization" => Rejected(
            "AWS finds the message malformed",
            "check the recipient, the sender and the content",
        ),
        "RequestEntityTooLarge" => Rejected("the message is too large", "shorten the template"),
        _ => return None,
    })
}

/// What is left to go by when the name says nothing.
const fn by_status(status: u16) -> Meaning {
    match status {
        429 => Throttled(SOON),
        413 => Rejected("the message is too large", "shorten the template"),
        // From between AWS and here: the call may have been passed on before.
        502 | 504 => Ambiguous(
            "a gateway lost AWS's answer",
            "check proxies on the way to AWS",
        ),
        500..=599 => Failed(
            "AWS is at fault or overloaded",
            "look at AWS's health page if it goes on",
        ),
        // Whatever is not documented is not held against the message.
        _ => Failed(
            "AWS refuses the call without a known reason",
            "look at the account in AWS's console, and check that AWS_ENDPOINT_URL leads to AWS",
        ),
    }
}
