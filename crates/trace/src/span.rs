//! Spans and the trace contexts that travel between processes.

use carillon_core::trace::TraceContext;
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The target of every span that is exported, and of no other.
pub const TARGET: &str = "carillon::trace";

/// A request's span; continues the caller's trace if there is one.
///
/// The route is recorded as `http.route` and the answer as `http.response.status_code` once they
/// are known.
#[must_use]
pub fn server(method: &str, parent: Option<TraceContext>) -> Span {
    let span = info_span!(
        target: TARGET,
        "request",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
    );
    if let Some(parent) = parent {
        set_parent(&span, parent);
    }
    span
}

/// Makes a fresh span a child of a span elsewhere.
pub fn child(span: Span, parent: TraceContext) -> Span {
    set_parent(&span, parent);
    span
}

/// Where a span is in its trace; none when nobody exports.
#[must_use]
pub fn context(span: &Span) -> Option<TraceContext> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(context.span_id().to_bytes()),
        is_sampled: context.is_sampled(),
    })
}

/// Where the current span is in its trace, to be handed to whoever is called next.
#[must_use]
pub fn current() -> Option<TraceContext> {
    context(&Span::current())
}

/// Names a span anew, once what it is about is known.
pub fn rename(span: &Span, name: String) {
    if !span.is_disabled() {
        // A span whose context was asked for has begun, and `otel.name` counts only before.
        span.context().span().update_name(name);
    }
}

/// Links a span to one elsewhere that it also belongs to.
pub fn link(span: &Span, to: TraceContext) {
    if !span.is_disabled() {
        span.add_link(remote(to));
    }
}

fn set_parent(span: &Span, parent: TraceContext) {
    if !span.is_disabled() {
        // Fails when nobody exports, and then there is no trace to be part of.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote(parent)));
    }
}

fn remote(context: TraceContext) -> SpanContext {
    let flags = if context.is_sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    SpanContext::new(
        TraceId::from_bytes(context.trace_id.to_be_bytes()),
        SpanId::from_bytes(context.span_id.to_be_bytes()),
        flags,
        true,
        TraceState::default(),
    )
}
