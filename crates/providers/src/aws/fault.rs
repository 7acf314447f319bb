//! What went wrong with a call, without a word of AWS's.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::progress::{Progress, Reached};

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// AWS answered with an error.
    Refused(Refusal),
    /// Nothing was sent: the request could not be built, addressed or signed.
    Unprepared,
    /// Nothing was sent: there was no connection.
    Unconnected,
    /// It was sent, or may have been, and no answer came in time.
    Late,
    /// It was sent, or may have been, and the connection broke.
    Lost,
    /// An answer came that cannot be read.
    Unreadable,
}

/// An answer with an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// AWS's name of the error, such as `MessageRejected`.
    pub code: Option<String>,
    /// How long AWS asks to wait.
    pub retry_after: Option<Duration>,
    /// What its text says, if that is something that no code tells.
    pub said: Option<Said>,
}

/// A fact that AWS tells in its text alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The quota is one by the day, and not by the second.
    ByTheDay,
    /// An address or a domain is not verified.
    Unverified,
    /// The account's sending is paused.
    Paused,
    /// It is about whom a text message is from.
    Sender,
}

impl Said {
    /// The fact in a text. AWS documents the words of no error, so these are few and loose, and
    /// others leave the meaning to the code.
    fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let has = |words: &str| text.contains(words);
        if has("daily") && has("quota") {
            Some(Self::ByTheDay)
        } else if has("not verified") {
            Some(Self::Unverified)
        } else if has("sending") && (has("paused") || has("suspended") || has("disabled")) {
            Some(Self::Paused)
        } else if has("senderid") || has("sender id") || has("origination") {
            Some(Self::Sender)
        } else {
            None
        }
    }
}

impl Fault {
    /// Reads an error of the SDK's, for a call that was watched.
    pub fn of<E: ProvideErrorMetadata>(
        error: &SdkError<E, HttpResponse>,
        progress: &Progress,
    ) -> Self {
        match error {
            SdkError::ServiceError(refused) => Self::answered(refused.raw(), refused.err()),
            SdkError::ResponseError(_) => Self::Unreadable,
            SdkError::ConstructionFailure(_) => Self::Unprepared,
            unanswered => match progress.reached() {
                Reached::Nothing => Self::Unprepared,
                Reached::Network => Self::Unconnected,
                Reached::Connection if matches!(unanswered, SdkError::TimeoutError(_)) => {
                    Self::Late
                }
                Reached::Connection => Self::Lost,
            },
        }
    }

    fn answered(response: &HttpResponse, error: &impl ProvideErrorMetadata) -> Self {
        let status = response.status().as_u16();
        if response.status().is_success() {
            // It said yes in words that are not its own.
            return Self::Unreadable;
        }
        Self::Refused(Refusal {
            status,
            code: error.code().filter(|code| is_code(code)).map(Into::into),
            retry_after: response.headers().get("retry-after").and_then(seconds),
            said: error.message().and_then(Said::read),
        })
    }
}

/// A word that cannot hold personal data.
fn is_code(code: &str) -> bool {
    let in_code = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_');
    (1..=64).contains(&code.len())
        && code.bytes().all(in_code)
        && code.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Seconds; a date is not used, as it needs both clocks to agree.
fn seconds(header: &str) -> Option<Duration> {
    let seconds: f64 = header.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sns::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_sns::operation::publish::PublishError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn response(status: u16, retry_after: Option<&'static str>) -> HttpResponse {
        let status = status.try_into().unwrap();
        let mut response = HttpResponse::new(status, SdkBody::empty());
        if let Some(value) = retry_after {
            response.headers_mut().insert("retry-after", value);
        }
        response
    }

    fn refused(status: u16, code: &str, text: &str, retry_after: Option<&'static str>) -> Fault {
        let metadata = ErrorMetadata::builder().code(code).message(text).build();
        let error = PublishError::generic(metadata);
        let error = SdkError::service_error(error, response(status, retry_after));
        Fault::of(&error, &Progress::default())
    }

    #[test]
    fn an_error_answer_keeps_its_code_and_wait_and_none_of_its_text() {
        let fault = refused(
            429,
            "TooManyRequestsException",
            "Daily message quota exceeded for amala@example.com",
            Some("2.5"),
        );
        let expected = Refusal {
            status: 429,
            code: Some("TooManyRequestsException".into()),
            retry_after: Some(Duration::from_millis(2_500)),
            said: Some(Said::ByTheDay),
        };
        assert_eq!(fault, Fault::Refused(expected));
        for (code, retry_after) in [
            ("amala@example.com", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("447700900123", "-1"),
            ("", "soon"),
        ] {
            let fault = refused(
                400,
                code,
                "Maximum sending rate exceeded.",
                Some(retry_after),
            );
            let expected = Refusal {
                status: 400,
                ..Refusal::default()
            };
            assert_eq!(fault, Fault::Refused(expected), "{code:?} {retry_after:?}");
        }
        assert_eq!(refused(200, "Any", "", None), Fault::Unreadable);
    }

    #[test]
    fn some_facts_are_in_the_text_alone() {
        for (text, expected) in [
            ("Daily message quota exceeded.", Some(Said::ByTheDay)),
            ("Maximum sending rate exceeded.", None),
            (
                "Email address is not verified. The following identities failed the check in \
                 region EU-WEST-1: clinic@example.org",
                Some(Said::Unverified),
            ),
            ("Sending paused for this account.", Some(Said::Paused)),
            ("Transaction failed: Message contains a virus.", None),
            (
                "Invalid parameter: AWS.SNS.SMS.SenderID Reason: not allowed",
                Some(Said::Sender),
            ),
            (
                "Invalid parameter: The origination number is not yours",
                Some(Said::Sender),
            ),
            (
                "Invalid parameter: PhoneNumber Reason: +447700900123 is not valid to publish to",
                None,
            ),
        ] {
            assert_eq!(Said::read(text), expected, "{text}");
        }
    }

    #[test]
    fn without_an_answer_it_matters_how_far_the_call_got() {
        let fresh = Progress::default();
        let errors: [SdkError<PublishError, HttpResponse>; 3] = [
            SdkError::construction_failure("no body"),
            SdkError::timeout_error("late"),
            SdkError::dispatch_failure(ConnectorError::io("no credentials".into())),
        ];
        for error in &errors {
            assert_eq!(Fault::of(error, &fresh), Fault::Unprepared, "{error:?}");
        }
        let sent = Progress::connected();
        assert_eq!(Fault::of(&errors[1], &sent), Fault::Late);
        assert_eq!(Fault::of(&errors[2], &sent), Fault::Lost);
        let cut: SdkError<PublishError, _> = SdkError::response_error("cut", response(200, None));
        assert_eq!(Fault::of(&cut, &sent), Fault::Unreadable);
    }
}
