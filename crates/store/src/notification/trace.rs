//! Trace contexts in rows: the trace's id always, the span only where somebody records it.

use carillon_core::trace::TraceContext;
use uuid::Uuid;

/// The span as a row keeps it. A span of a trace that nobody records is kept by nobody.
pub(crate) fn span_to_keep(trace: TraceContext) -> Option<i64> {
    trace.is_sampled.then(|| trace.span_id.cast_signed())
}

/// The context of a recorded trace, as a row keeps it.
pub(crate) fn recorded(trace_id: Option<Uuid>, trace_span: Option<i64>) -> Option<TraceContext> {
    Some(TraceContext {
        trace_id: trace_id?.as_u128(),
        span_id: trace_span?.cast_unsigned(),
        is_sampled: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_context_comes_back_as_it_was() {
        let context = TraceContext {
            trace_id: u128::MAX,
            span_id: u64::MAX,
            is_sampled: true,
        };
        let kept = span_to_keep(context);
        assert_eq!(
            recorded(Some(context.trace_id_bytes()), kept),
            Some(context)
        );
        let unrecorded = TraceContext {
            is_sampled: false,
            ..context
        };
        assert_eq!(span_to_keep(unrecorded), None);
    }
}
