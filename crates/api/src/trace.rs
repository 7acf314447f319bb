//! Every request's trace: continued from the caller's `traceparent` or begun here, and named in
//! every answer.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use carillon_core::trace::TraceContext;
use tracing::{Instrument, Span};

/// The header of every answer: the trace's 32 hexadecimal digits.
pub(crate) const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The trace of the request that is being answered.
pub(crate) fn current() -> TraceContext {
    CURRENT.try_with(|trace| *trace).unwrap_or_else(|_| begun())
}

/// A trace that nobody records, for its id alone. An id that ascends with time is as good as a
/// random one: 62 of its bits are random.
fn begun() -> TraceContext {
    TraceContext {
        trace_id: carillon_core::id::mint().as_u128(),
        // Any number but zero: nobody looks for the span.
        span_id: rand::random::<u64>() | 1,
        is_sampled: false,
    }
}

/// Answers a request within its trace.
pub(crate) async fn within<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let given = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    // Probes and scrapes come every few seconds and are nobody's story.
    let span = match request.path() {
        "/livez" | "/readyz" | "/metrics" => Span::none(),
        _ => carillon_trace::server(request.method().as_str(), given),
    };
    let trace = carillon_trace::context(&span)
        .or(given)
        .unwrap_or_else(begun);
    let trace_id = trace.trace_id_text();
    let log = tracing::info_span!("request", trace_id);
    let answered = CURRENT
        .scope(trace, next.call(request).instrument(span.clone()))
        .instrument(log)
        .await;
    let mut response = answered?;
    record(&span, &response);
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(TRACE_ID, value);
    }
    Ok(response)
}

fn record<B>(span: &Span, response: &ServiceResponse<B>) {
    if span.is_disabled() {
        return;
    }
    let request = response.request();
    if let Some(route) = request.match_pattern() {
        carillon_trace::rename(span, format!("{} {route}", request.method()));
        span.record("http.route", route.as_str());
    }
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
