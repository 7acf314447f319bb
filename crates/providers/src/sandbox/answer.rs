//! What an answer of the sandbox, or the lack of one, means.

use std::time::Duration;

use carillon_core::attempt::{Blame, Outcome};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// Answers are a few dozen bytes; more than this is somebody else's.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long to wait when the sandbox throttles without saying for how long.
const UNSTATED_WAIT: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Taken {
    reference: String,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// The outcome of a call that was answered with at least a status.
pub(super) async fn read(response: Response) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return match body(response)
            .await
            .map(|body| serde_json::from_slice::<Taken>(&body))
        {
            Some(Ok(Taken { reference })) => Outcome::Accepted { reference },
            // It said yes, so it may well have the message; only the reference is lost.
            Some(Err(_)) | None => Outcome::Ambiguous {
                detail: "the answer is unreadable".into(),
            },
        };
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled {
            after: wait(response.headers()),
        },
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let code = body(response)
                .await
                .and_then(|body| serde_json::from_slice::<Refused>(&body).ok())
                .map(|refused| refused.error)
                .filter(|error| is_code(error));
            Outcome::Rejected {
                detail: detail(status, code.as_deref()),
            }
        }
        // 401, 404 and the like are our configuration, which somebody will put right.
        _ => Outcome::Failed {
            detail: detail(status, None),
            blame: match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Blame::Account,
                _ => Blame::Provider,
            },
        },
    }
}

/// The outcome of a call without any answer.
pub(super) fn without_response(error: &reqwest::Error) -> Outcome {
    if error.is_connect() || error.is_builder() {
        // Nothing was sent: there was no connection to send it on.
        Outcome::Failed {
            detail: "no connection".into(),
            blame: Blame::Provider,
        }
    } else if error.is_timeout() {
        Outcome::Ambiguous {
            detail: "no answer in time".into(),
        }
    } else {
        Outcome::Ambiguous {
            detail: "connection lost before the answer".into(),
        }
    }
}

/// The whole body; none when it is cut short, late or too long.
async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// `retry-after-ms` (may be fractional) before `retry-after` (seconds).
fn wait(headers: &HeaderMap) -> Duration {
    let number = |name, unit: f64| {
        let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        Duration::try_from_secs_f64(value * unit).ok()
    };
    number("retry-after-ms", 0.001)
        .or_else(|| number("retry-after", 1.0))
        .unwrap_or(UNSTATED_WAIT)
}

/// Words that cannot hold personal data: a code such as `invalid-recipient`.
fn is_code(error: &str) -> bool {
    (1..=64).contains(&error.len())
        && error
            .bytes()
            .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_'))
}

fn detail(status: StatusCode, code: Option<&str>) -> String {
    let status = status.as_u16();
    match code {
        Some(code) => format!("status {status}: {code}"),
        None => format!("status {status}"),
    }
}
