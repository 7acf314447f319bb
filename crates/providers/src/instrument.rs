//! Counts, times and traces every call, whatever the provider.

use std::sync::OnceLock;
use std::time::Instant;

use carillon_core::attempt::Outcome;
use carillon_core::provider::ProviderKind;
use futures::FutureExt;
use futures::future::BoxFuture;
use metrics::{Counter, Histogram, counter, histogram};
use tracing::{Instrument, Span};

use crate::outgoing::OutgoingMessage;
use crate::provider::{Provider, Unreachable};

/// Calls by provider and outcome.
pub const CALLS: &str = "carillon_provider_calls_total";
/// Seconds per call by provider, whatever the outcome.
pub const SECONDS: &str = "carillon_provider_call_seconds";

/// A provider whose calls are counted in [`CALLS`] and timed in [`SECONDS`].
pub struct Instrumented<P> {
    provider: P,
    // Looked up at the first call, when the recorder is certainly installed; from then on a call
    // costs two atomic additions instead of two look-ups by labels.
    handles: OnceLock<Handles>,
}

struct Handles {
    calls: [Counter; LABELS.len()],
    seconds: Histogram,
}

const LABELS: [&str; 5] = ["accepted", "rejected", "failed", "throttled", "ambiguous"];

impl<P: Provider> Instrumented<P> {
    /// Wraps a provider.
    pub const fn new(provider: P) -> Self {
        Self {
            provider,
            handles: OnceLock::new(),
        }
    }

    fn handles(&self) -> &Handles {
        self.handles.get_or_init(|| {
            let provider = self.provider.name().to_owned();
            Handles {
                calls: LABELS.map(
                    |outcome| counter!(CALLS, "provider" => provider.clone(), "outcome" => outcome),
                ),
                seconds: histogram!(SECONDS, "provider" => provider),
            }
        })
    }
}

impl<P: Provider> Provider for Instrumented<P> {
    fn name(&self) -> &str {
        self.provider.name()
    }

    fn has_receipts(&self) -> bool {
        self.provider.has_receipts()
    }

    fn reports_by_reference(&self) -> Option<ProviderKind> {
        self.provider.reports_by_reference()
    }

    fn send<'a>(&'a self, message: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
        let handles = self.handles();
        async move {
            let started = Instant::now();
            let span = span(self.provider.name());
            let outcome = self.provider.send(message).instrument(span.clone()).await;
            span.record("carillon.outcome", outcome.name());
            handles.seconds.record(started.elapsed().as_secs_f64());
            handles.calls[label(&outcome)].increment(1);
            outcome
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
        self.provider.probe()
    }

    fn allowed_rate(&self) -> BoxFuture<'_, Option<f64>> {
        self.provider.allowed_rate()
    }
}

/// The span of one call; disabled unless it happens within a recorded trace.
fn span(provider: &str) -> Span {
    if carillon_trace::current().is_none_or(|trace| !trace.is_sampled) {
        return Span::none();
    }
    tracing::info_span!(
        target: carillon_trace::TARGET,
        "call provider",
        otel.kind = "client",
        carillon.provider = provider,
        carillon.outcome = tracing::field::Empty,
    )
}

/// The outcome's position in [`LABELS`].
const fn label(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Accepted { .. } => 0,
        Outcome::Rejected { .. } => 1,
        Outcome::Failed { .. } => 2,
        Outcome::Throttled { .. } => 3,
        Outcome::Ambiguous { .. } => 4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use carillon_core::id::NotificationId;
    use metrics::{CounterFn, Gauge, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;
    use crate::outgoing::Content;

    /// Counts increments of any counter whose labels say `outcome="throttled"`, and only those.
    #[derive(Default)]
    struct Throttled(Arc<Cell>);

    #[derive(Default)]
    struct Cell(AtomicU64);

    impl CounterFn for Cell {
        fn increment(&self, value: u64) {
            self.0.fetch_add(value, Ordering::Relaxed);
        }
        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Throttled {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<_> = key.labels().map(|l| (l.key(), l.value())).collect();
            if key.name() == CALLS && labels == [("provider", "fake"), ("outcome", "throttled")] {
                Counter::from_arc(self.0.clone())
            } else {
                Counter::noop()
            }
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    struct Fake;

    impl Provider for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }
        fn has_receipts(&self) -> bool {
            true
        }
        fn send<'a>(&'a self, _: &'a OutgoingMessage) -> BoxFuture<'a, Outcome> {
            async {
                Outcome::Throttled {
                    after: std::time::Duration::ZERO,
                }
            }
            .boxed()
        }
        fn probe(&self) -> BoxFuture<'_, Result<(), Unreachable>> {
            async { Ok(()) }.boxed()
        }
    }

    #[test]
    fn a_call_is_counted_by_its_outcome() {
        let recorder = Throttled::default();
        let message = OutgoingMessage {
            id: NotificationId::mint(),
            attempt: 1,
            recipient: "a@example.com".into(),
            content: Content::Sms {
                sender: None,
                body: "hello".into(),
            },
            unsubscribe_url: None,
            is_trial: false,
        };
        metrics::with_local_recorder(&recorder, || {
            let provider = Instrumented::new(Fake);
            for _ in 0..2 {
                let outcome = provider.send(&message).now_or_never().unwrap();
                assert!(matches!(outcome, Outcome::Throttled { .. }));
            }
        });
        assert_eq!(recorder.0.0.load(Ordering::Relaxed), 2);
    }
}
