//! Answers to what cannot be done, in the shape each family's clients expect.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_store::seal::SealError;
use serde::Serialize;

/// An error of the send and read family: GOV.UK Notify's envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotifyError {
    status: u16,
    errors: Vec<Entry>,
    /// When it is worth while to try the same again, in seconds.
    retry_after_s: Option<u32>,
}

/// The seconds after which trying again may help.
const SOON_S: u32 = 5;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Entry {
    error: &'static str,
    message: String,
}

const UNAVAILABLE: &str = "ServiceUnavailableError";

impl NotifyError {
    fn new(status: u16, class: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            errors: vec![Entry {
                error: class,
                message: message.into(),
            }],
            retry_after_s: None,
        }
    }

    /// 400 with every violation of the request's schema.
    pub fn validation(violations: Vec<String>) -> Self {
        let entry = |message| Entry {
            error: "ValidationError",
            message,
        };
        Self {
            status: 400,
            errors: violations.into_iter().map(entry).collect(),
            retry_after_s: None,
        }
    }

    /// 400: well-formed, but it cannot be done.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestError", message)
    }

    /// 400: a phone number that cannot be sent to.
    pub fn invalid_phone(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidPhoneError", message)
    }

    /// 401: no credentials, or of an unknown scheme.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "AuthError", message)
    }

    /// 403: credentials that do not hold.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "AuthError", message)
    }

    /// 404: nothing of this id.
    pub fn no_result() -> Self {
        Self::new(404, "NoResultFound", "No result found")
    }

    /// 409: a request with the same idempotency key is under way.
    pub fn idempotency_conflict() -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(
                409,
                "ConflictError",
                "A request with this Idempotency-Key is being processed. Try again in a second",
            )
        }
    }

    /// 422: the idempotency key was used for another request.
    pub fn idempotency_mismatch() -> Self {
        Self::new(
            422,
            "IdempotencyMismatchError",
            "This Idempotency-Key was used for another request within the last 24 hours. Use a new \
             key for each request",
        )
    }

    /// 413: the body is larger than is taken.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request body must not be larger than {limit} bytes");
        Self::new(413, "RequestEntityTooLargeError", message)
    }

    /// 415: a body of a kind that is not read.
    pub fn unsupported_media(message: impl Into<String>) -> Self {
        Self::new(415, "BadRequestError", message)
    }

    /// 429: the service does as much at a time as it may.
    pub fn too_many(message: impl Into<String>) -> Self {
        Self {
            retry_after_s: Some(SOON_S),
            ..Self::new(429, "TooManyRequestsError", message)
        }
    }

    /// 429: more requests within a minute than the service may make with keys of this type.
    pub fn rate_limited(key_type: KeyType, limit: u32, after: Duration) -> Self {
        let name = match key_type {
            KeyType::Normal => "LIVE",
            KeyType::Team => "TEAM",
            KeyType::Test => "TEST",
        };
        let message =
            format!("Exceeded rate limit for key type {name} of {limit} requests per 60 seconds");
        Self {
            retry_after_s: Some(whole_seconds(after)),
            ..Self::new(429, "RateLimitError", message)
        }
    }

    /// 429: more messages than the service may send in a day, which ends after this time.
    pub fn daily_limited(channel: Channel, limit: u32, after: Duration) -> Self {
        Self {
            retry_after_s: Some(whole_seconds(after)),
            ..Self::too_many(format!(
                "Exceeded send limits ({channel}: {limit}) for today"
            ))
        }
    }

    /// 403: too many of the service's e-mails bounce.
    pub fn braked() -> Self {
        Self::new(
            403,
            "BadRequestError",
            "Service is not allowed to send emails: too many of them bounced (bounce-brake). An \
             administrator can let it go on",
        )
    }

    /// 503: it cannot be done now; the client may try again.
    pub fn unavailable() -> Self {
        Self {
            retry_after_s: Some(SOON_S),
            ..Self::new(
                503,
                UNAVAILABLE,
                "Temporarily unavailable. Please try again in a few seconds",
            )
        }
    }

    /// 503: it may have been done, so that trying again may do it twice. The message says how to
    /// find out.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(503, UNAVAILABLE, message)
    }
}

/// Not sooner than after this time.
fn whole_seconds(after: Duration) -> u32 {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

impl std::fmt::Display for NotifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Messages may quote what the client sent; logs see the classes only.
        let classes: Vec<_> = self.errors.iter().map(|entry| entry.error).collect();
        write!(f, "{} {}", self.status, classes.join(", "))
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    status_code: u16,
    errors: &'a [Entry],
}

impl ResponseError for NotifyError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((RETRY_AFTER, HeaderValue::from(seconds)));
        }
        response.json(Envelope {
            status_code: self.status,
            errors: &self.errors,
        })
    }
}

impl From<carillon_store::Error> for NotifyError {
    fn from(error: carillon_store::Error) -> Self {
        match error {
            carillon_store::Error::Gone => Self::no_result(),
            error => {
                tracing::error!(%error, "a request failed");
                Self::unavailable()
            }
        }
    }
}

/// An error of the management family: RFC 9457.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    errors: Vec<FieldError>,
    trace_id: String,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FieldError {
    /// The field, as a path.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Problem {
    fn new(status: u16, title: &'static str, detail: Option<String>) -> Self {
        let trace_id = crate::trace::current().trace_id_text();
        Self {
            kind: "about:blank",
            title,
            status,
            detail,
            errors: Vec::new(),
            trace_id,
        }
    }

    /// 422 with every violation.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(422, "The request is not valid", None)
        }
    }

    /// 422 for one field.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    /// 400: not JSON.
    pub fn malformed(detail: String) -> Self {
        Self::new(400, "The request body is not JSON", Some(detail))
    }

    /// 413: the body is larger than is taken.
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("the body must not be larger than {limit} bytes");
        Self::new(413, "The request body is too large", Some(detail))
    }

    /// 401 or 403.
    pub fn not_admitted(status: u16, detail: &str) -> Self {
        Self::new(status, "Not admitted", Some(detail.to_owned()))
    }

    /// 503: it cannot be done now.
    pub fn unavailable(error: &dyn std::error::Error) -> Self {
        let problem = Self::new(503, "Temporarily unavailable", None);
        tracing::error!(%error, trace_id = problem.trace_id, "a request failed");
        problem
    }

    /// 503: it may have been done all the same; the detail says how to find out.
    pub fn unknown(detail: impl Into<String>) -> Self {
        Self::new(
            503,
            "It is not known whether this was done",
            Some(detail.into()),
        )
    }

    /// 409: what is asked for does not go with how things stand.
    pub fn conflict(title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, title, Some(detail.into()))
    }

    /// 500: what is stored cannot be read. An operator can mend it, another request cannot.
    pub fn unreadable(detail: String) -> Self {
        let problem = Self::new(500, "What is stored cannot be read", Some(detail));
        let (detail, trace_id) = (&problem.detail, &problem.trace_id);
        tracing::error!(detail, trace_id, "what is stored cannot be read");
        problem
    }

    /// 500: secrets cannot be sealed, or these not be opened.
    fn sealed(error: &SealError) -> Self {
        let mut detail = error.to_string();
        if *error == SealError::DoesNotOpen {
            detail.push_str(
                ": add the key that sealed it to security.encryption_keys, or give the secret anew",
            );
        }
        let problem = Self::new(500, "Secrets cannot be sealed or opened", Some(detail));
        tracing::error!(%error, trace_id = problem.trace_id, "a secret stays closed");
        problem
    }

    /// 404.
    pub fn gone() -> Self {
        Self::new(404, "Not found", None)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.title)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        // A problem serializes always; an empty body would be the worst that can happen.
        let body = serde_json::to_string(self).unwrap_or_default();
        HttpResponse::build(self.status_code())
            .content_type("application/problem+json")
            .body(body)
    }
}

impl From<carillon_store::Error> for Problem {
    fn from(error: carillon_store::Error) -> Self {
        match error {
            carillon_store::Error::Gone => Self::gone(),
            carillon_store::Error::Conflict { constraint } => {
                Self::conflict("Already exists", constraint)
            }
            carillon_store::Error::Changed => {
                Self::conflict("Changed meanwhile", "it changed meanwhile; read it again")
            }
            carillon_store::Error::Seal(error) => Self::sealed(&error),
            carillon_store::Error::Refused(detail) => {
                Self::new(422, "The request is not valid", Some(detail))
            }
            error => Self::unavailable(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_store::Error;

    use super::*;

    #[test]
    fn what_an_operator_can_mend_says_how() {
        for (error, status, words) in [
            (Error::Changed, 409, "read it again"),
            (
                SealError::NoKey.into(),
                500,
                "no encryption key is configured: set security.encryption_keys",
            ),
            (
                SealError::DoesNotOpen.into(),
                500,
                "does not open with the configured encryption keys: add the key",
            ),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.status, status);
            let detail = problem.detail.unwrap_or_default();
            assert!(detail.contains(words), "{detail}");
        }
    }
}
