//! What the receiver said, or why it said nothing.

use std::error::Error;
use std::time::Duration;

use carillon_core::webhook::{Answer, CallFailure};
use chrono::{DateTime, Utc};
use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::egress::Refusal;

/// Up to this much of a body is read, so that the connection can be used again; a longer one costs
/// the connection.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The answer of a receiver that gave at least a status. What else it said is not kept, and is not
/// looked at.
pub(super) async fn read(response: Response, now: DateTime<Utc>) -> Answer {
    let answer = Answer::Status {
        code: response.status().as_u16(),
        retry_after: retry_after(response.headers(), now),
    };
    drain(response).await;
    answer
}

async fn drain(mut response: Response) {
    let mut n_bytes = 0;
    // An error ends it like the end itself: the status has said what counts.
    while let Ok(Some(chunk)) = response.chunk().await {
        n_bytes += chunk.len();
        if n_bytes > MAX_BODY_BYTES {
            return;
        }
    }
}

/// Seconds, or a date; a date that is past is no time at all.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = DateTime::parse_from_rfc2822(text).ok()?;
    Some(
        (then.with_timezone(&Utc) - now)
            .to_std()
            .unwrap_or_default(),
    )
}

/// Why a call was not answered. Only kinds are told: the error's text has the URL in it.
pub(super) fn without_response(error: &reqwest::Error) -> CallFailure {
    if let Some(refusal) = cause::<Refusal>(error) {
        CallFailure::Refused(refusal.why())
    } else if cause::<rustls::Error>(error).is_some() {
        CallFailure::Tls
    } else if error.is_connect() || error.is_builder() {
        CallFailure::Unreachable
    } else if error.is_timeout() {
        CallFailure::TimedOut
    } else {
        CallFailure::Broken
    }
}

/// The cause of a type, however deep it lies.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |error| beneath(*error))
        .find_map(|error| error.downcast_ref())
}

fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    // An I/O error passes over the error in it, and names that one's source as its own.
    match error
        .downcast_ref::<std::io::Error>()
        .map(|io| io.get_ref())
    {
        Some(Some(inner)) => Some(inner),
        _ => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = DateTime::from_timestamp(1_445_412_420, 0).unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let value = HeaderValue::from_str(text).unwrap();
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_cause_is_found_within_an_io_error() {
        let deep = std::io::Error::other(Refusal::Port);
        let deep = std::io::Error::other(deep);
        assert_eq!(cause::<Refusal>(&deep), Some(&Refusal::Port));
        assert_eq!(cause::<rustls::Error>(&deep), None);
    }
}
