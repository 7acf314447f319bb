//! Hops over the broker, which carry many messages at a time.

use carillon_core::trace::TraceContext;
use tracing::{Span, info_span};

use crate::span::{TARGET, child, link};

/// What is done with a batch at a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is put in.
    Publish,
    /// It was taken out and is worked on.
    Process,
}

/// The most links of one span; collectors drop what exceeds their customary limit of 128.
const LINKS: usize = 128;

/// The span of a hop: linked to each of the contexts it belongs to, and a child of the first.
/// Disabled when none of them is recorded, which costs next to nothing.
#[must_use]
pub fn hop(
    operation: Operation,
    queue: &str,
    contexts: impl IntoIterator<Item = TraceContext>,
) -> Span {
    let mut sampled = contexts.into_iter().filter(|context| context.is_sampled);
    let Some(first) = sampled.next() else {
        return Span::none();
    };
    let (verb, kind) = match operation {
        Operation::Publish => ("publish", "producer"),
        Operation::Process => ("process", "consumer"),
    };
    let span = info_span!(
        target: TARGET,
        "hop",
        otel.name = format!("{verb} {queue}"),
        otel.kind = kind,
        messaging.system = "rabbitmq",
        messaging.operation.name = verb,
        messaging.destination.name = queue,
    );
    let span = child(span, first);
    link(&span, first);
    sampled
        .take(LINKS - 1)
        .for_each(|context| link(&span, context));
    span
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::context;

    fn context_of(span_id: u64, is_sampled: bool) -> TraceContext {
        TraceContext {
            trace_id: 7,
            span_id,
            is_sampled,
        }
    }

    #[test]
    fn a_hop_is_a_child_of_the_first_and_linked_to_all_that_are_recorded() {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let contexts = [
                context_of(1, false),
                context_of(2, true),
                context_of(3, true),
            ];
            let span = hop(Operation::Publish, "database", contexts);
            let context = context(&span).unwrap();
            assert_eq!((context.trace_id, context.is_sampled), (7, true));
            assert!(hop(Operation::Process, "database", [context_of(1, false)]).is_disabled());
        });
        let spans = spans.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].name, "publish database");
        assert_eq!(spans[0].parent_span_id.to_bytes(), 2u64.to_be_bytes());
        let linked = spans[0].links.iter();
        let linked: Vec<_> = linked
            .map(|l| l.span_context.span_id().to_bytes())
            .collect();
        assert_eq!(linked, [2u64.to_be_bytes(), 3u64.to_be_bytes()]);
    }

    #[test]
    fn without_an_exporter_there_is_no_context() {
        let span = hop(Operation::Publish, "database", [context_of(1, true)]);
        assert_eq!(context(&span), None);
    }
}
