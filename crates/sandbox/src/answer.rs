//! How a verdict becomes an HTTP answer, and what follows once it is written.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use bytes::Bytes;
use carillon_core::trace::TraceContext;
use uuid::Uuid;

use crate::receipts::Pending;
use crate::sandbox::Sandbox;

/// Schedules the first receipt when it is dropped: with the body that was written, or with the
/// request of a caller that went away. Either way the call was accepted and is owed its receipt.
pub(crate) struct AfterAnswer {
    sandbox: Arc<Sandbox>,
    pending: Pending,
    trace: Option<TraceContext>,
}

impl AfterAnswer {
    pub(crate) const fn new(
        sandbox: Arc<Sandbox>,
        pending: Pending,
        trace: Option<TraceContext>,
    ) -> Self {
        Self {
            sandbox,
            pending,
            trace,
        }
    }
}

impl Drop for AfterAnswer {
    fn drop(&mut self) {
        self.sandbox.schedule_first(self.pending, self.trace);
    }
}

/// 200 with the reference; `after` is dropped when the body was passed on.
pub(crate) fn accepted(reference: Uuid, after: Option<AfterAnswer>) -> HttpResponse {
    let json = format!(r#"{{"reference":"{reference}"}}"#);
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(Answer::new(Ok(json.into()), after))
}

/// An answer that never comes: the connection is closed instead.
pub(crate) fn cut(after: Option<AfterAnswer>) -> HttpResponse {
    HttpResponse::Ok().body(Answer::new(Err(CutOnPurpose), after))
}

/// 429, and when to ask again.
pub(crate) fn throttled(wait: Duration) -> HttpResponse {
    let millis = format!("{:.3}", wait.as_secs_f64() * 1_000.0);
    HttpResponse::TooManyRequests()
        .insert_header((RETRY_AFTER, wait.as_secs_f64().ceil().to_string()))
        .insert_header(("retry-after-ms", millis))
        .content_type(ContentType::json())
        .body(r#"{"error":"throttled"}"#)
}

/// Any other refusal, by its code.
pub(crate) fn error(status: StatusCode, code: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::json())
        .body(format!(r#"{{"error":"{code}"}}"#))
}

/// A body that lets go of [`AfterAnswer`] once it is written, or fails if it has nothing to say.
struct Answer {
    size: BodySize,
    said: Option<Result<Bytes, CutOnPurpose>>,
    _after: Option<AfterAnswer>,
}

impl Answer {
    fn new(said: Result<Bytes, CutOnPurpose>, after: Option<AfterAnswer>) -> Self {
        // A body that fails announces a length that it never reaches.
        let size = BodySize::Sized(said.as_ref().map_or(64, |json| json.len() as u64));
        Self {
            size,
            said: Some(said),
            _after: after,
        }
    }
}

/// The failure of a body that is cut on purpose.
#[derive(Debug)]
struct CutOnPurpose;

impl std::fmt::Display for CutOnPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut on purpose, as a script or a fault says")
    }
}

impl std::error::Error for CutOnPurpose {}

impl MessageBody for Answer {
    type Error = CutOnPurpose;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, CutOnPurpose>>> {
        Poll::Ready(self.said.take())
    }
}
