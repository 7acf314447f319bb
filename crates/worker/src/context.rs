//! What every task of this process shares.

use std::sync::Arc;

use carillon_amqp::Publisher;
use carillon_connect::job_payloads::JobPayloads;
use carillon_providers::egress::EgressPolicy;
use carillon_providers::webhook::Webhooks;
use carillon_runtime::settings::Settings;
use carillon_runtime::{App, Tasks, ticker};
use carillon_store::Store;
use tokio_util::sync::CancellationToken;

use crate::delivery::Deliveries;
use crate::waker::Waker;

/// Shared by all runners; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub publisher: Publisher,
    pub shutdown: CancellationToken,
    pub tasks: Tasks,
    pub deliveries: Arc<Deliveries>,
    pub webhooks: Arc<Webhooks>,
    pub waker: Waker,
    pub payloads: JobPayloads,
}

impl Context {
    pub async fn new(app: &App, store: Store, publisher: Publisher) -> anyhow::Result<Self> {
        let waker = Waker::start(store.clone(), &app.tasks, app.shutdown.clone());
        let deliveries = Arc::new(Deliveries::new(app, store.clone(), waker.clone())?);
        // Once before anything is taken from a queue, so that no message finds no provider.
        if let Err(error) = deliveries.refresh_routes().await {
            tracing::warn!(%error, "cannot read the providers' settings yet");
        }
        keep_routes_fresh(app, &deliveries);
        let callbacks = &app.settings.callbacks;
        let policy = EgressPolicy {
            allow_private: callbacks.allow_private_targets,
        };
        Ok(Self {
            webhooks: Arc::new(Webhooks::new(policy, callbacks.timeout)?),
            waker,
            payloads: JobPayloads::open(&app.settings).await?,
            settings: Arc::clone(&app.settings),
            store,
            publisher,
            shutdown: app.shutdown.clone(),
            tasks: app.tasks.clone(),
            deliveries,
        })
    }
}

fn keep_routes_fresh(app: &App, deliveries: &Arc<Deliveries>) {
    let (shutdown, deliveries) = (app.shutdown.clone(), Arc::clone(deliveries));
    app.tasks.spawn("routes", async move {
        let every = Deliveries::REFRESH_ROUTES_EVERY;
        ticker::every(every, &shutdown, "routes", async || {
            Ok(deliveries.refresh_routes().await?)
        })
        .await;
    });
}
