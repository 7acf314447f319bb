//! The way to a provider: one that keeps failing, or refuses our account, is left alone for now.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::attempt::Outcome;
use carillon_core::provider::breaker::{Breaker, Heard, Way};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::routes::Route;

/// The breaker before one provider, for all lanes of this process.
pub(crate) struct Gate {
    provider: String,
    born: Instant,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    /// Another gate stands before the provider now, or none: calls that are still on their way say
    /// nothing of it.
    is_retired: bool,
}

impl Gate {
    pub fn new(provider: &str, opens_after: u32) -> Self {
        paused(provider).set(0.0);
        Self {
            provider: provider.to_owned(),
            born: Instant::now(),
            state: Mutex::new(State {
                breaker: Breaker::new(opens_after),
                is_retired: false,
            }),
        }
    }

    /// How a call could be made now; reserves nothing.
    pub fn way(&self) -> Way {
        self.state.lock().breaker.way(self.born.elapsed())
    }

    /// How long nobody is let through, if so.
    pub fn is_shut_for(&self) -> Option<Duration> {
        match self.way() {
            Way::Shut(wait) | Way::Probed(wait) => Some(wait),
            Way::Free | Way::Probe => None,
        }
    }

    /// It counts no more. To be told before another gate of the same provider is passed.
    pub fn retire(&self) {
        let mut state = self.state.lock();
        state.is_retired = true;
        paused(&self.provider).set(0.0);
    }

    fn heard(&self, outcome: &Outcome, is_probe: bool) {
        let mut state = self.state.lock();
        let before = state.breaker.cause();
        let now = self.born.elapsed();
        state.breaker.heard(Heard::of(outcome), is_probe, now);
        if state.is_retired {
            return;
        }
        match (before, state.breaker.cause()) {
            (None, Some(cause)) => {
                paused(&self.provider).set(1.0);
                let (provider, cause) = (&self.provider, cause.name());
                tracing::warn!(provider, cause, "the provider is left alone for now");
            }
            (Some(_), None) => {
                paused(&self.provider).set(0.0);
                tracing::info!(provider = self.provider, "the provider is back");
            }
            _ => {}
        }
    }
}

/// Leave to make one call. Dropped without having been used, somebody else may have it.
pub(crate) struct Pass {
    route: Arc<Route>,
    is_probe: bool,
    is_used: bool,
}

impl Pass {
    /// Leave to call the provider now; the error says how long nobody has it.
    pub fn to(route: &Arc<Route>) -> Result<Self, Duration> {
        let gate = &route.gate;
        let way = gate.state.lock().breaker.enter(gate.born.elapsed());
        let is_probe = match way {
            Way::Free => false,
            Way::Probe => true,
            Way::Shut(wait) | Way::Probed(wait) => return Err(wait),
        };
        Ok(Self {
            route: Arc::clone(route),
            is_probe,
            is_used: false,
        })
    }

    pub fn route(&self) -> &Route {
        &self.route
    }

    /// What the call came to.
    pub fn used(mut self, outcome: &Outcome) -> Arc<Route> {
        self.is_used = true;
        self.route.gate.heard(outcome, self.is_probe);
        Arc::clone(&self.route)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe && !self.is_used {
            self.route.gate.state.lock().breaker.dropped();
        }
    }
}

fn paused(provider: &str) -> metrics::Gauge {
    metrics::gauge!("carillon_provider_paused", "provider" => provider.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use carillon_core::attempt::Blame;
    use metrics::{
        Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;

    /// The value of the one gauge there is.
    #[derive(Default)]
    struct Shown(Arc<Value>);

    #[derive(Default)]
    struct Value(AtomicU64);

    impl GaugeFn for Value {
        fn increment(&self, _: f64) {}
        fn decrement(&self, _: f64) {}
        fn set(&self, value: f64) {
            self.0.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    impl Recorder for Shown {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::clone(&self.0))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn a_gate_that_another_has_replaced_is_not_shown_any_more() {
        let recorder = Shown::default();
        let shows = || f64::from_bits(recorder.0.0.load(Ordering::Relaxed)) > 0.5;
        let failed = Outcome::Failed {
            blame: Blame::Provider,
            detail: "it is down".into(),
        };
        let answered = Outcome::Accepted {
            reference: "r".to_owned(),
        };
        metrics::with_local_recorder(&recorder, || {
            let gate = Gate::new("relay", 2);
            gate.heard(&failed, false);
            assert!(!shows());
            gate.heard(&failed, false);
            assert!(shows());
            gate.retire();
            assert!(!shows());

            let early = Gate::new("relay", 1);
            early.retire();
            let next = Gate::new("relay", 1);
            early.heard(&failed, false);
            assert!(!shows(), "the call began before");
            next.heard(&failed, false);
            early.heard(&answered, true);
            assert!(shows());
            next.heard(&answered, true);
            assert!(!shows());
        });
    }
}
