//! Everything that a run has of its own: servers, processes, services and their receiver.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use carillon_test_support::{
    OwnPostgres, OwnRabbitmq, Stack, StackOptions, WebhookReceiver, free_port,
};
use serde_json::Value;

use super::Options;
use crate::faults::Servers;
use crate::fleet::Fleet;
use crate::ledgers::Forbidden;
use crate::plan::{Plan, Scope, replicas};
use crate::reader::Reader;
use crate::tenants::{self, Tenant};

/// Longer than anything takes that is not broken.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

pub(super) struct Installation {
    pub scope: Scope,
    pub fleet: Fleet,
    pub servers: Servers,
    pub stack: Stack,
    pub receiver: WebhookReceiver,
    pub tenants: Arc<Vec<Tenant>>,
    pub reader: Reader,
    pub apis: Vec<String>,
    pub http: reqwest::Client,
    pub sandbox_log: PathBuf,
}

/// How long a claim holds. The default is 30 s; what a dead worker held, and what fell out of a
/// queue, must be sent on within two minutes with time to spare.
pub(super) const fn lease(scope: Scope) -> Duration {
    match scope {
        Scope::Full => Duration::from_secs(15),
        Scope::Short => Duration::from_secs(7),
    }
}

/// What differs from the defaults. `docs/chaos.md` says why.
fn settings(scope: Scope) -> Vec<(&'static str, String)> {
    let timeout_ms = if scope == Scope::Full { 4_000 } else { 1_500 };
    [
        (
            "CARILLON__DELIVERY__LEASE_S",
            lease(scope).as_secs().to_string(),
        ),
        (
            "CARILLON__DELIVERY__PROVIDER_TIMEOUT_MS",
            timeout_ms.to_string(),
        ),
        ("CARILLON__DELIVERY__UNSTARTED_LIMIT_S", "10".to_owned()),
        (
            "CARILLON__CALLBACKS__TIMEOUT_MS",
            timeout_ms.min(1_900).to_string(),
        ),
        ("CARILLON__CALLBACKS__RETRY_SCALE", "0.01".to_owned()),
        (
            "CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS",
            "true".to_owned(),
        ),
        ("CARILLON__POLLER__RESCUE_INTERVAL_MS", "1000".to_owned()),
        ("CARILLON__POLLER__MARKER_INTERVAL_MS", "1000".to_owned()),
        ("CARILLON__JOBS__ROWS_PER_CHUNK", "50".to_owned()),
        ("CARILLON__JOBS__CHUNK_LEASE_S", "10".to_owned()),
        ("CARILLON__DATABASE__MAX_CONNECTIONS", "8".to_owned()),
    ]
    .into()
}

impl Installation {
    pub async fn start(
        options: &Options,
        plan: &Plan,
        folder: &Path,
        say: &impl Fn(&str),
    ) -> anyhow::Result<Self> {
        let scope = options.scope;
        let (postgres, rabbitmq) = tokio::join!(OwnPostgres::new(), OwnRabbitmq::new());
        let database = postgres.database().await;
        let n_apis = replicas(scope)[1].1;
        let mut apis: Vec<String> = (0..n_apis)
            .map(|_| format!("http://127.0.0.1:{}", free_port()))
            .collect();
        let sandbox_log = folder.join("sandbox.log");
        let log_file = sandbox_log.display().to_string();
        // The demo service brings the provider along.
        let stack = Stack::without_processes(StackOptions {
            database: Some(database),
            amqp_url: Some(rabbitmq.url().to_owned()),
            env: settings(scope),
            sandbox_env: vec![("CARILLON__SANDBOX__LOG_FILE", log_file)],
            ..StackOptions::default()
        })
        .await;
        // The provider reports to the first.
        apis[0].clone_from(&stack.api_url);
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWERS_WITHIN)
            .pool_max_idle_per_host(0)
            .tls_certs_only([])
            .build()
            .context("building a client")?;
        let receiver = WebhookReceiver::start(&[]).await;
        say("starting the processes");
        let logs = folder.join("logs");
        let fleet = Fleet::start(&stack, &apis, &replicas(scope), &plan.first, &logs);
        fleet.ready(&http).await?;
        let tenants = tenants::create(&stack, &receiver, options.seed).await?;
        let tenants = Arc::new(tenants);
        Ok(Self {
            scope,
            fleet,
            servers: Servers::new(postgres, rabbitmq, stack.prefix.clone()),
            reader: Reader::new(http.clone(), apis.clone(), tenants.clone()),
            stack,
            receiver,
            tenants,
            apis,
            http,
            sandbox_log,
        })
    }

    /// Sets which calls of the provider go wrong.
    pub async fn set_faults(&self, faults: &Value) -> anyhow::Result<()> {
        let url = format!("{}/faults", self.stack.sandbox_url);
        let answer = self.http.put(url).json(faults).send().await?;
        ensure!(answer.status().is_success(), "PUT /faults: {answer:?}");
        Ok(())
    }

    /// What no process may write into its log or show in its metrics.
    pub fn forbidden(&self) -> Forbidden {
        let mut words = vec![
            ("+447700900".to_owned(), "a phone number".to_owned()),
            ("07700900".to_owned(), "a phone number".to_owned()),
            (
                self.stack.admin_token.clone(),
                "the administrator's token".to_owned(),
            ),
        ];
        for tenant in self.tenants.iter() {
            let name = &tenant.facts.name;
            let marker = tenant.facts.marker.clone();
            words.push((marker, format!("a recipient or value of {name}")));
            for secret in &tenant.secrets {
                words.push((secret.clone(), format!("a secret of {name}")));
            }
        }
        Forbidden::new(words)
    }

    pub async fn versions(&self) -> BTreeMap<String, String> {
        let query = "SELECT current_setting('server_version_num')::bigint";
        let postgres = self.stack.database.number(query).await;
        let postgres = format!("{}.{}", postgres / 10_000, postgres % 10_000);
        let rabbitmq = self.servers.rabbitmq.ctl(&["version"]).await;
        BTreeMap::from([
            ("PostgreSQL".to_owned(), postgres),
            ("RabbitMQ".to_owned(), rabbitmq),
        ])
    }

    /// Ends every process, and then the servers.
    pub async fn stop(self) {
        let Self {
            fleet,
            servers,
            receiver,
            stack,
            ..
        } = self;
        drop((fleet, receiver, stack));
        tokio::join!(servers.postgres.destroy(), servers.rabbitmq.destroy());
    }
}

/// The commit of a checkout, with a `+` if it has changes.
pub(super) fn commit(checkout: Option<&Path>) -> String {
    let Some(checkout) = checkout else {
        return "unknown".to_owned();
    };
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(checkout)
            .args(args)
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let is_changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    format!("{commit}{}", if is_changed { "+" } else { "" })
}
