//! What every task of this process shares.

use std::sync::Arc;

use carillon_amqp::Publisher;
use carillon_runtime::settings::Settings;
use carillon_runtime::{App, Tasks};
use carillon_store::Store;
use tokio_util::sync::CancellationToken;

use crate::delivery::Deliveries;

/// Shared by all runners; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub publisher: Publisher,
    pub shutdown: CancellationToken,
    pub tasks: Tasks,
    pub deliveries: Arc<Deliveries>,
}

impl Context {
    pub fn new(app: &App, store: Store, publisher: Publisher) -> anyhow::Result<Self> {
        let deliveries = Deliveries::new(app, store.clone())?;
        Ok(Self {
            settings: Arc::clone(&app.settings),
            store,
            publisher,
            shutdown: app.shutdown.clone(),
            tasks: app.tasks.clone(),
            deliveries: Arc::new(deliveries),
        })
    }
}
