//! Every error that is common to AWS's services, and what becomes of the message.

use super::*;

fn none_of_its_own(_: &str, _: Option<Said>) -> Option<Meaning> {
    None
}

fn refused(status: u16, code: &str) -> Fault {
    Fault::Refused(Refusal {
        status,
        code: Some(code).filter(|code| !code.is_empty()).map(Into::into),
        ..Refusal::default()
    })
}

/// The outcome's name, with the seconds to wait.
fn name(outcome: &Outcome) -> (&'static str, u64) {
    match outcome {
        Outcome::Throttled { after } => ("throttled", after.as_secs()),
        other => (other.name(), 0),
    }
}

#[test]
fn every_common_error_has_its_outcome() {
    let table = [
        ("Throttling", "throttled", 1),
        ("ThrottlingException", "throttled", 1),
        ("ThrottledException", "throttled", 1),
        ("Throttled", "throttled", 1),
        ("RequestThrottled", "throttled", 1),
        ("RequestThrottledException", "throttled", 1),
        ("TooManyRequestsException", "throttled", 1),
        ("RequestLimitExceeded", "throttled", 1),
        ("BandwidthLimitExceeded", "throttled", 1),
        ("SlowDown", "throttled", 1),
        ("PriorRequestNotComplete", "throttled", 1),
        ("ProvisionedThroughputExceededException", "throttled", 1),
        ("LimitExceededException", "throttled", 60),
        ("LimitExceeded", "throttled", 60),
        ("ServiceQuotaExceededException", "throttled", 60),
        ("QuotaExceeded", "throttled", 60),
        ("AccessDenied", "failed", 0),
        ("AccessDeniedException", "failed", 0),
        ("AuthorizationError", "failed", 0),
        ("NotAuthorized", "failed", 0),
        ("Unauthorized", "failed", 0),
        ("UnauthorizedOperation", "failed", 0),
        ("UnrecognizedClientException", "failed", 0),
        ("InvalidClientTokenId", "failed", 0),
        ("InvalidAccessKeyId", "failed", 0),
        ("InvalidToken", "failed", 0),
        ("MissingAuthenticationToken", "failed", 0),
        ("MissingAuthenticationTokenException", "failed", 0),
        ("SignatureDoesNotMatch", "failed", 0),
        ("InvalidSignatureException", "failed", 0),
        ("IncompleteSignature", "failed", 0),
        ("IncompleteSignatureException", "failed", 0),
        ("ExpiredToken", "failed", 0),
        ("ExpiredTokenException", "failed", 0),
        ("TokenRefreshRequired", "failed", 0),
        ("RequestExpired", "failed", 0),
        ("RequestTimeTooSkewed", "failed", 0),
        ("RequestInTheFuture", "failed", 0),
        ("OptInRequired", "failed", 0),
        ("SubscriptionRequiredException", "failed", 0),
        ("InternalFailure", "failed", 0),
        ("InternalError", "failed", 0),
        ("InternalServerError", "failed", 0),
        ("InternalServerException", "failed", 0),
        ("ServiceUnavailable", "failed", 0),
        ("ServiceUnavailableException", "failed", 0),
        ("ServiceFailure", "failed", 0),
        ("RequestTimeout", "failed", 0),
        ("RequestTimeoutException", "failed", 0),
        ("RequestAbortedException", "ambiguous", 0),
        ("InvalidAction", "failed", 0),
        ("MissingAction", "failed", 0),
        ("UnknownOperationException", "failed", 0),
        ("NotImplemented", "failed", 0),
        ("InvalidQueryParameter", "failed", 0),
        ("MalformedQueryString", "failed", 0),
        ("MalformedHttpRequestException", "failed", 0),
        ("ValidationError", "rejected", 0),
        ("ValidationException", "rejected", 0),
        ("InvalidParameterValue", "rejected", 0),
        ("InvalidParameterCombination", "rejected", 0),
        ("MissingParameter", "rejected", 0),
        ("SerializationException", "rejected", 0),
        ("RequestEntityTooLargeException", "rejected", 0),
    ];
    for (code, expected, seconds) in table {
        // A status that would mean something else.
        let outcome = outcome(&refused(504, code), none_of_its_own);
        assert_eq!(name(&outcome), (expected, seconds), "{code}");
        if let Some(detail) = outcome.detail() {
            assert!(detail.starts_with(&format!("{code}: ")), "{detail}");
        }
    }
}

#[test]
fn a_failure_is_blamed_on_whom_it_is_about() {
    let own = |code: &str, _: Option<Said>| {
        (code == "Unverified").then_some(Unfit("the sender is not verified", "verify it"))
    };
    for (fault, expected) in [
        (refused(403, "ExpiredToken"), Blame::Account),
        (Fault::Unprepared, Blame::Account),
        (refused(400, "Unverified"), Blame::Message),
        (refused(500, "InternalFailure"), Blame::Provider),
        (Fault::Unconnected, Blame::Provider),
    ] {
        let outcome = outcome(&fault, own);
        let is_expected = matches!(outcome, Outcome::Failed { blame, .. } if blame == expected);
        assert!(is_expected, "{fault:?}: {outcome:?}");
    }
}

#[test]
fn an_error_without_a_known_name_goes_by_its_status() {
    for code in ["", "SomethingNew"] {
        for (status, expected) in [
            (302, "failed"),
            (400, "failed"),
            (403, "failed"),
            (404, "failed"),
            (413, "rejected"),
            (429, "throttled"),
            (500, "failed"),
            (502, "ambiguous"),
            (503, "failed"),
            (504, "ambiguous"),
        ] {
            let outcome = outcome(&refused(status, code), none_of_its_own);
            assert_eq!(outcome.name(), expected, "{status} {code:?}");
        }
    }
    let unnamed = outcome(&refused(500, ""), none_of_its_own);
    let detail = unnamed.detail().unwrap_or_default();
    assert!(
        detail.starts_with("status 500: AWS is at fault"),
        "{detail}"
    );
}

#[test]
fn what_a_service_documents_itself_goes_before_what_all_share() {
    let own = |code: &str, _: Option<Said>| (code == "InternalError").then_some(Throttled(SOON));
    assert_eq!(
        outcome(&refused(500, "InternalError"), own).name(),
        "throttled"
    );
    assert_eq!(
        outcome(&refused(500, "InternalFailure"), own).name(),
        "failed"
    );
}

#[test]
fn the_wait_is_as_aws_says_then_by_the_kind_of_quota() {
    for (retry_after, by_the_day, expected) in [
        (Some(7), true, 7),
        (Some(7), false, 7),
        (None, true, 600),
        (None, false, 1),
    ] {
        let fault = Fault::Refused(Refusal {
            status: 429,
            code: Some("TooManyRequestsException".into()),
            retry_after: retry_after.map(Duration::from_secs),
            said: by_the_day.then_some(Said::ByTheDay),
        });
        let after = Duration::from_secs(expected);
        assert_eq!(
            outcome(&fault, none_of_its_own),
            Outcome::Throttled { after }
        );
    }
}

#[test]
fn without_an_answer_only_what_was_never_sent_has_failed() {
    for (fault, expected, what) in [
        (
            Fault::Unprepared,
            "failed",
            "the call could not be signed or addressed",
        ),
        (Fault::Unconnected, "failed", "no connection"),
        (Fault::Late, "ambiguous", "no answer in time"),
        (
            Fault::Lost,
            "ambiguous",
            "connection lost before the answer",
        ),
        (Fault::Unreadable, "ambiguous", "the answer is unreadable"),
    ] {
        let outcome = outcome(&fault, none_of_its_own);
        assert_eq!(outcome.name(), expected, "{fault:?}");
        let unreachable = unreachable(&fault, none_of_its_own);
        assert_eq!(unreachable.what, what);
        let detail = format!("{what}; {}", unreachable.advice);
        assert_eq!(outcome.detail(), Some(detail.as_str()));
    }
}
