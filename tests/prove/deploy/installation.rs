//! An installation whose processes come and go behind a balancer, and its load.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_chaos::client::Client;
use carillon_chaos::history::{History, Intent, Outcome};
use carillon_chaos::ledgers;
use carillon_chaos::reader::Reader;
use carillon_chaos::tenants::{self, Tenant};
use carillon_chaos::work::{self, Work};
use carillon_test_support::{Balancer, Member, Replica, Stack, StackOptions, WebhookReceiver};

use super::KINDS;

/// Longer than anything takes that is not broken.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

/// What the two clients write down.
const LOGS: [&str; 2] = ["keeping.jsonl", "anew.jsonl"];

pub struct Installation {
    pub stack: Stack,
    pub balancer: Balancer,
    pub receiver: WebhookReceiver,
    pub reader: Reader,
    pub sandbox_log: PathBuf,
    tenants: Arc<Vec<Tenant>>,
    seed: u64,
    directory: tempfile::TempDir,
}

fn settings() -> Vec<(&'static str, String)> {
    let set = [
        ("CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS", "true"),
        ("CARILLON__CALLBACKS__RETRY_SCALE", "0.01"),
        ("CARILLON__DATABASE__MAX_CONNECTIONS", "8"),
        // As by default, unlike in other tests.
        ("CARILLON__API__LINGER_MS", "5000"),
    ];
    set.map(|(name, value)| (name, value.to_owned())).into()
}

impl Installation {
    /// With so many processes of each kind, which are the caller's.
    pub async fn start(seed: u64, n_each: usize, amqp_url: Option<String>) -> (Self, Vec<Replica>) {
        let directory = tempfile::tempdir().unwrap();
        let sandbox_log = directory.path().join("sandbox.log");
        let log_file = sandbox_log.display().to_string();
        let mut stack = Stack::without_processes(StackOptions {
            amqp_url,
            env: settings(),
            sandbox_env: vec![("CARILLON__SANDBOX__LOG_FILE", log_file)],
            ..StackOptions::default()
        })
        .await;
        stack.start_process(Member::Sandbox, &[]).await;
        let balancer = stack.balancer().await;
        let mut replicas = Vec::new();
        for kind in KINDS {
            replicas.extend((0..n_each).map(|_| stack.replica(kind, &[])));
        }
        for replica in &mut replicas {
            replica.ready(&balancer).await;
        }
        let receiver = WebhookReceiver::start(&[]).await;
        let tenants = tenants::create(&stack, &receiver, seed).await.unwrap();
        let tenants = Arc::new(tenants);
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWERS_WITHIN)
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let reader = Reader::new(http, vec![stack.api_url.clone()], tenants.clone());
        let installation = Self {
            stack,
            balancer,
            receiver,
            reader,
            sandbox_log,
            tenants,
            seed,
            directory,
        };
        (installation, replicas)
    }

    /// Posts so many messages at a steady rate while something is done, which must end before; what
    /// was seen meanwhile.
    pub async fn under_load<T>(
        &self,
        n_messages: usize,
        over: Duration,
        done: impl Future<Output = T>,
    ) -> (History, T) {
        let mut history = History {
            tenants: self.tenants.iter().map(|t| t.facts.clone()).collect(),
            lease_s: 30.0,
            ..History::default()
        };
        let (mut observed, mut readings) = (BTreeMap::new(), Vec::new());
        let done_in_time = async {
            let began = Instant::now();
            let done = done.await;
            let took = began.elapsed();
            assert!(took < over, "took {took:?}, the load only {over:?}");
            println!("done within {took:.1?} of a load of {over:?}");
            done
        };
        let both = async { tokio::join!(self.post(n_messages, over), done_in_time) };
        let (intents, done) = tokio::select! {
            both = both => both,
            () = self.reader.watch(&mut observed) => unreachable!("it never ends"),
            () = ledgers::watch(&self.stack, &mut readings) => unreachable!("it never ends"),
        };
        history.intents = intents;
        history.observed = observed;
        history.ledger = readings;
        (history, done)
    }

    /// One half over connections that are kept for as long as the API keeps them, each of which leads
    /// to one process, as a Service of Kubernetes has it; the other over a connection for each
    /// request, so that all that are ready take turns.
    async fn post(&self, n_messages: usize, over: Duration) -> BTreeMap<String, Intent> {
        let mut works = work::of(self.seed, n_messages);
        for work in &mut works {
            if let Work::One(message) = work {
                // The second of two would be answered with 409, and that is right.
                message.is_posted_twice = false;
            }
        }
        let client = |log: &str| {
            let apis = vec![self.stack.api_url.clone()];
            Client::new(apis, self.tenants.clone(), &self.directory.path().join(log)).unwrap()
        };
        let (keeping, anew) = (client(LOGS[0]), client(LOGS[1]));
        let anew = anew.keeping_no_connections().unwrap();
        let (even, odd): (Vec<_>, Vec<_>) =
            works.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
        let without_number = |works: Vec<(usize, Work)>| -> Vec<Work> {
            works.into_iter().map(|(_, work)| work).collect()
        };
        let (even, odd) = (without_number(even), without_number(odd));
        let (kept, other) = tokio::join!(keeping.run(&even, over), anew.run(&odd, over));
        let mut intents = kept.unwrap();
        intents.extend(other.unwrap());
        intents
    }

    /// How many messages were not accepted with the first request; what came of those is printed.
    pub fn failed(&self, history: &History) -> usize {
        let is_good = |intent: &&Intent| matches!(intent.outcomes[..], [Outcome::Accepted { .. }]);
        let n_good = history.intents.values().filter(is_good).count();
        let n_failed = history.intents.len() - n_good;
        println!("{n_good} messages accepted at once, {n_failed} not");
        for log in LOGS {
            let log = std::fs::read_to_string(self.directory.path().join(log)).unwrap();
            let results = log.lines().filter(|line| line.contains("\"result\""));
            let failed = results.filter(|line| !line.contains("\"accepted\""));
            failed.for_each(|line| println!("{line}"));
        }
        n_failed
    }
}
