//! What every handler shares.

use std::sync::Arc;

use carillon_amqp::Publisher;
use carillon_connect::job_payloads::JobPayloads;
use carillon_core::unsubscribe::LinkKey;
use carillon_runtime::App;
use carillon_runtime::settings::Settings;
use carillon_store::Store;

use crate::accept::Accept;
use crate::auth::Services;
use crate::cache::Cache;
use crate::fresh_read::FreshReads;
use crate::idempotency::Idempotency;
use crate::jobs::Jobs;
use crate::limits::Limits;
use crate::receipts::Receipts;
use crate::routes::send::template::Templates;

/// Shared by all workers of the server.
pub(crate) struct State {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub services: Services,
    pub templates: Templates,
    pub accept: Accept,
    pub idempotency: Idempotency,
    pub jobs: Jobs,
    pub limits: Limits,
    pub receipts: Receipts,
    pub fresh_reads: FreshReads,
    /// Read unsubscribe links; the first is that of new ones.
    pub link_keys: Vec<LinkKey>,
    /// Where the outside reaches this API; no trailing slash.
    pub public_url: String,
}

impl State {
    pub async fn new(app: &App, store: Store, publisher: &Publisher) -> anyhow::Result<Self> {
        let settings = Arc::clone(&app.settings);
        let api = &settings.api;
        let public_url = match &api.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", api.listen),
        };
        Ok(Self {
            services: Services::new(Cache::new(api.cache_fresh, api.cache_stale), store.clone()),
            templates: Templates::new(Cache::new(api.cache_fresh, api.cache_stale), store.clone()),
            accept: Accept::start(&app.tasks, api, store.clone(), publisher.clone()),
            idempotency: Idempotency::start(&app.tasks, store.clone()),
            jobs: Jobs::new(
                &settings,
                store.clone(),
                publisher.clone(),
                JobPayloads::open(&settings).await?,
            ),
            limits: Limits::start(&app.tasks, &settings, &store),
            receipts: Receipts::start(&app.tasks, &settings, publisher)?,
            fresh_reads: FreshReads::start(
                &app.tasks,
                store.clone(),
                api.waiting_reads_per_service,
            ),
            // Without a key there are no links to read.
            link_keys: settings
                .security
                .encryption_keys()
                .unwrap_or_default()
                .iter()
                .map(|key| LinkKey::derive(key))
                .collect(),
            public_url,
            store,
            settings,
        })
    }
}
