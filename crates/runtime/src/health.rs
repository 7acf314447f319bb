//! Whether the process lives, whether it can take work, and its metrics.
//!
//! Readiness is about this process: its components are connected and its loops run. It never
//! asks whether a server is fast, because then a slow database would take every replica out of
//! service at once.

mod routes;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::telemetry::Telemetry;

pub use routes::{livez, metrics, readyz};
pub(crate) use server::serve;

/// What the process says about itself. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    components: Mutex<BTreeMap<&'static str, Component>>,
    shutdown: CancellationToken,
    telemetry: Telemetry,
}

/// A part of the process that must work for it to take work. Cheap to clone; begins not ready.
#[derive(Clone, Debug, Default)]
pub struct Component(Arc<AtomicBool>);

impl Component {
    /// Says whether this part works.
    pub fn set_ready(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Release);
    }

    /// Whether this part works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Readiness {
    /// Whether to send work here.
    pub ready: bool,
    /// Each component by name.
    pub components: BTreeMap<&'static str, bool>,
}

impl Health {
    /// The health of a process that `shutdown` ends and whose metrics `telemetry` renders.
    #[must_use]
    pub fn new(shutdown: CancellationToken, telemetry: Telemetry) -> Self {
        Self(Arc::new(Inner {
            components: Mutex::default(),
            shutdown,
            telemetry,
        }))
    }

    /// The component called `name`, the same one at every call. Name all of them before the
    /// first is ready: the process is ready when those named are.
    #[must_use]
    pub fn component(&self, name: &'static str) -> Component {
        self.0.components.lock().entry(name).or_default().clone()
    }

    /// Ready when there are components, all of them are ready, and the process is not ending.
    /// One that has not named its components yet is still starting.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let components: BTreeMap<_, _> = self
            .0
            .components
            .lock()
            .iter()
            .map(|(name, c)| (*name, c.is_ready()))
            .collect();
        let ready = !components.is_empty()
            && components.values().all(|is_ready| *is_ready)
            && !self.0.shutdown.is_cancelled();
        Readiness { ready, components }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.readiness()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new(CancellationToken::new(), Telemetry::unused())
    }

    #[test]
    fn a_process_is_ready_when_all_its_components_are() {
        let health = health();
        assert!(!health.readiness().ready, "it is still starting");
        let (database, broker) = (health.component("database"), health.component("broker"));
        database.set_ready(true);
        assert!(!health.readiness().ready);
        broker.set_ready(true);
        assert!(health.readiness().ready);
        health.component("broker").set_ready(false);
        assert!(!health.readiness().ready);
    }

    #[test]
    fn a_process_that_ends_takes_no_work() {
        let health = health();
        health.component("database").set_ready(true);
        health.0.shutdown.cancel();
        let components = BTreeMap::from([("database", true)]);
        assert_eq!(
            health.readiness(),
            Readiness {
                ready: false,
                components
            }
        );
    }
}
