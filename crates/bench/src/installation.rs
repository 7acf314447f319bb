//! An installation for a measurement: a database and a queue prefix of its own, a service with a
//! template of three placeholders, and those of its processes that a scenario wants.
//!
//! Settings are the defaults, logging included, but for addresses, keys, the sandbox's delay, and
//! limits that a measurement would come to.

pub(crate) mod mailing;
pub(crate) mod member;
mod seed;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use carillon_amqp::topology;
use carillon_core::lane::Lane;
use carillon_core::queue::Queue;
use carillon_test_support::{Process, TestDatabase, amqp_url, eventually, free_port, prefix};
use serde_json::{Map, Value};

use crate::broker;
use crate::load::{Target, get};
use crate::numbers::rounded;
use crate::usage::{Group, Groups, Memory};
use member::Member;

/// Its processes are killed when it is dropped.
pub(crate) struct Installation {
    /// Its database.
    pub database: TestDatabase,
    /// Where and as whom to send.
    pub target: Target,
    /// Where the sandbox answers.
    pub sandbox: SocketAddr,
    prefix: String,
    env: BTreeMap<&'static str, String>,
    health: BTreeMap<Member, u16>,
    running: BTreeMap<Member, Process>,
    /// Holds the sandbox's log.
    _directory: tempfile::TempDir,
}

/// What is sealed here is read by nobody else.
const ENCRYPTION_KEY: &str = "dGhlLWtleS1vZi1hbGwtdGVzdHMtMzItYnl0ZXMtISE=";
const READY_WITHIN: Duration = Duration::from_secs(60);

impl Installation {
    /// Everything but processes.
    pub async fn prepare() -> anyhow::Result<Self> {
        let database = TestDatabase::create().await;
        let directory = tempfile::tempdir().context("a directory for the sandbox's log")?;
        let (api, sandbox) = (local(free_port()), local(free_port()));
        let prefix = prefix();
        let log_file = directory.path().join("sandbox.log");
        let env = BTreeMap::from([
            ("DATABASE_URL", database.url.clone()),
            ("AMQP_URL", amqp_url()),
            ("CARILLON__AMQP__PREFIX", prefix.clone()),
            ("CARILLON__API__LISTEN", api.to_string()),
            (
                "CARILLON__SECURITY__ENCRYPTION_KEY",
                ENCRYPTION_KEY.to_owned(),
            ),
            ("CARILLON__SANDBOX__URL", format!("http://{sandbox}")),
            ("CARILLON__SANDBOX__LISTEN", sandbox.to_string()),
            (
                "CARILLON__SANDBOX__LOG_FILE",
                log_file.display().to_string(),
            ),
            (
                "CARILLON__SANDBOX__CALLBACK_URL",
                format!("http://{api}/callbacks/sandbox"),
            ),
            (
                "CARILLON__SANDBOX__SIGNING_KEY",
                "the key of a benchmark".to_owned(),
            ),
            ("CARILLON__LIMITS__RATE_LIMIT", "1000000000".to_owned()),
            (
                "CARILLON__LIMITS__EMAIL_DAILY_LIMIT",
                "1000000000".to_owned(),
            ),
            ("CARILLON__SANDBOX__RECEIPT_DELAY_MS", "0".to_owned()),
            (
                "CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS",
                "true".to_owned(),
            ),
        ]);
        let mut installation = Self {
            database,
            target: Target {
                address: api,
                service_id: String::new(),
                secret: String::new(),
                template_id: String::new(),
            },
            sandbox,
            prefix,
            env,
            health: member::ports(),
            running: BTreeMap::new(),
            _directory: directory,
        };
        installation.target = seed::run(api, &installation.env).await?;
        Ok(installation)
    }

    /// A setting of every process that starts after this.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.env.insert(name, value);
    }

    /// Starts processes and waits until each is ready; the API also until the broker confirms,
    /// for without one it takes messages into PostgreSQL.
    pub async fn start(&mut self, members: &[Member]) -> anyhow::Result<()> {
        for member in members {
            self.launch(*member, &[]);
        }
        self.ready(members).await
    }

    /// Starts a worker of these queues in the place of the one that runs, which ends in order.
    pub async fn replace_worker(&mut self, queues: &str) -> anyhow::Result<()> {
        if let Some(mut worker) = self.running.remove(&Member::Worker) {
            worker.terminate().await;
        }
        let queues = [("CARILLON_WORKER_QUEUES", queues.to_owned())];
        self.launch(Member::Worker, &queues);
        self.ready(&[Member::Worker]).await
    }

    fn launch(&mut self, member: Member, more: &[(&'static str, String)]) {
        let mut env = self.env.clone();
        let health = local(self.health[&member]).to_string();
        env.insert("CARILLON__HEALTH__LISTEN", health);
        env.extend(more.iter().cloned());
        let process = Process::start(member.binary(), env, &[]);
        self.running.insert(member, process);
    }

    async fn ready(&mut self, members: &[Member]) -> anyhow::Result<()> {
        for member in members {
            let (path, sign) = match member {
                Member::Api => ("/metrics", "carillon_broker_connected 1"),
                _ => ("/readyz", ""),
            };
            self.until(*member, path, sign).await?;
        }
        Ok(())
    }

    async fn until(&mut self, member: Member, path: &str, sign: &str) -> anyhow::Result<()> {
        let address = local(self.health[&member]);
        let process = self
            .running
            .get_mut(&member)
            .context("a process that was started")?;
        let ready = eventually(&format!("{member:?} is ready"), READY_WITHIN, async || {
            if !process.is_running() {
                return Some(Err(process.logs()));
            }
            let (status, body) = get(address, path).await.ok()?;
            let is_ready = status == 200 && String::from_utf8_lossy(&body).contains(sign);
            is_ready.then_some(Ok(()))
        })
        .await;
        ready.map_err(|logs| anyhow::anyhow!("{member:?} ended before it was ready:\n{logs}"))
    }

    /// Makes another service like the first.
    pub async fn another_service(&self, name: &str) -> anyhow::Result<Target> {
        seed::another(self.target.address, &self.env, name).await
    }

    /// Sends as the first service does, from a template in another lane.
    pub async fn in_lane(&self, lane: Lane) -> anyhow::Result<Target> {
        let service_id = &self.target.service_id;
        Ok(Target {
            template_id: seed::template_in_lane(&self.env, service_id, lane).await?,
            ..self.target.clone()
        })
    }

    /// Has a service told of its messages' ends.
    pub async fn call_back(&self, service_id: &str, url: &str) -> anyhow::Result<()> {
        seed::call_back(&self.env, service_id, url).await
    }

    /// A queue's name on the broker.
    pub fn queue(&self, queue: Queue) -> String {
        topology::name(&self.prefix, queue)
    }

    /// Ends all processes at once and deletes the queues with what is in them.
    pub async fn clear(&mut self) -> anyhow::Result<()> {
        self.running.clear();
        broker::delete(&amqp_url(), &broker::queues(&self.prefix)).await
    }

    /// The processes that run, as groups of their own.
    pub fn groups(&self, mut groups: Groups) -> Groups {
        for (member, process) in &self.running {
            groups.add(member.name(), Group::Process(process.id()));
        }
        groups
    }

    /// Resident memory of each process, now and at its highest.
    fn memory(&self) -> anyhow::Result<BTreeMap<&'static str, Memory>> {
        let of =
            |(member, process): (&Member, &Process)| Ok((member.name(), Memory::of(process.id())?));
        self.running.iter().map(of).collect()
    }

    /// The highest resident memory by binary.
    pub fn peak_rss_mb(&self) -> anyhow::Result<Map<String, Value>> {
        let memory = self.memory()?.into_iter();
        Ok(memory
            .map(|(name, memory)| (name.to_owned(), rounded(memory.peak_mb)))
            .collect())
    }

    /// Resident memory by binary now, and the sum of all but the sandbox, which is no product.
    pub fn idle_rss_mb(&self) -> anyhow::Result<Map<String, Value>> {
        let memory = self.memory()?;
        let ours = memory
            .iter()
            .filter(|(name, _)| **name != Member::Sandbox.name());
        let sum = ours.map(|(_, memory)| memory.now_mb).sum();
        let each = memory
            .iter()
            .map(|(name, memory)| ((*name).to_owned(), rounded(memory.now_mb)));
        Ok(each
            .chain([("all_but_sandbox".to_owned(), rounded(sum))])
            .collect())
    }

    /// The sandbox's counts.
    pub async fn sandbox_stats(&self) -> anyhow::Result<Value> {
        let (status, body) = get(self.sandbox, "/stats").await?;
        ensure!(status == 200, "the sandbox's stats: {status}");
        serde_json::from_slice(&body).context("the sandbox's stats")
    }
}

pub(crate) fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}
