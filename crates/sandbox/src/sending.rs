//! `POST /send`: decide, log, answer, and only then report.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, post};
use carillon_providers::sandbox::SendRequest;
use tokio_util::sync::CancellationToken;

use crate::answer::{self, AfterAnswer};
use crate::sandbox::{Decision, Sandbox, Verdict};

/// How long `hang@` holds a connection whose caller stays.
const HOLD: Duration = Duration::from_secs(60);

/// Cancelled when the server stops: calls that hang let go.
pub(crate) struct Stopping(pub CancellationToken);

#[post("/send")]
pub(crate) async fn send(
    sandbox: Data<Sandbox>,
    stopping: Data<Stopping>,
    http: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let Ok(request) = serde_json::from_slice::<SendRequest<'_>>(&body) else {
        return answer::error(StatusCode::UNPROCESSABLE_ENTITY, "unreadable-request");
    };
    let Decision {
        verdict,
        reference,
        pending,
        written,
    } = sandbox.decide(request);
    // From here on the call is remembered as accepted, so whatever becomes of this future, its
    // receipt follows.
    let trace = http.headers().get("traceparent");
    let trace = trace.and_then(|value| value.to_str().ok()?.parse().ok());
    let after = pending.map(|pending| AfterAnswer::new(Arc::clone(&sandbox), pending, trace));
    if written.wait().await.is_err() {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "log-broken");
    }
    match (verdict, reference) {
        (Verdict::Accept, Some(reference)) => answer::accepted(reference, after),
        (Verdict::AcceptAndCut, _) => answer::cut(after),
        (Verdict::Reject, _) => answer::error(StatusCode::BAD_REQUEST, "rejected-recipient"),
        (Verdict::Throttle(wait), _) => answer::throttled(wait),
        (Verdict::Hang, _) => {
            // Dropped when the caller disconnects; its answer is that there is none.
            let _ = tokio::time::timeout(HOLD, stopping.0.cancelled()).await;
            answer::cut(None)
        }
        // An accepted message always has a reference, so the latter does not happen.
        (Verdict::Fail, _) | (Verdict::Accept, None) => {
            answer::error(StatusCode::SERVICE_UNAVAILABLE, "failed")
        }
    }
}
