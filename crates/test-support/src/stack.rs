//! One private installation: a database, a queue prefix, and the processes that use them.

mod api;
mod demo;
mod member;
mod options;
mod processes;
mod replica;
mod sandbox;
mod settled;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Client;
use uuid::Uuid;

pub use member::Member;
pub use options::StackOptions;
pub use replica::{Ended, Replica};

use crate::{Process, TestDatabase, amqp_url, free_port, prefix};
use member::MEMBERS;

/// A running installation with the demo service. Its processes are killed when it is dropped.
#[derive(Debug)]
pub struct Stack {
    /// Its database.
    pub database: TestDatabase,
    /// What stands before its queues' names.
    pub prefix: String,
    /// Where the API answers, without a slash at the end.
    pub api_url: String,
    /// Where the sandbox answers.
    pub sandbox_url: String,
    /// The administrator's token.
    pub admin_token: String,
    options: StackOptions,
    env: BTreeMap<&'static str, String>,
    health_ports: BTreeMap<Member, u16>,
    running: BTreeMap<Member, Process>,
    demo: BTreeMap<String, String>,
    client: Client,
    /// Holds the sandbox's log, which outlives the sandbox.
    _directory: tempfile::TempDir,
}

/// What is sealed in one stack is read by no other: any key will do.
const ENCRYPTION_KEY: &str = "dGhlLWtleS1vZi1hbGwtdGVzdHMtMzItYnl0ZXMtISE=";

/// Everything in flight comes to its end within this time once nothing hinders it.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

/// One that waits for PostgreSQL or a paused broker answers late, and an answer that never comes
/// must fail the test.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

impl Stack {
    /// Seeds the demo service, starts all processes and waits until each is ready.
    ///
    /// # Panics
    /// When one does not become ready.
    pub async fn start(options: StackOptions) -> Self {
        let mut stack = Self::without_processes(options).await;
        for member in MEMBERS {
            stack.launch(member, &[]);
        }
        for member in MEMBERS {
            stack.ready(member).await;
        }
        stack
    }

    /// Seeds the demo service and leaves the processes to the caller, who gives them what
    /// [`Stack::environment`] says.
    ///
    /// # Panics
    /// When there is no database.
    pub async fn without_processes(options: StackOptions) -> Self {
        let mut stack = Self::prepare(options).await;
        stack.seed().await;
        stack
    }

    async fn prepare(options: StackOptions) -> Self {
        let database = match options.database.clone() {
            Some(database) => database,
            None => TestDatabase::create().await,
        };
        let directory = tempfile::tempdir().expect("a directory for the sandbox's log can be made");
        let (api, sandbox) = (free_port(), free_port());
        let api_url = format!("http://127.0.0.1:{api}");
        let sandbox_url = format!("http://127.0.0.1:{sandbox}");
        let admin_token = Uuid::new_v4().simple().to_string();
        let prefix = prefix();
        let log_file = directory.path().join("sandbox.log");
        let env = BTreeMap::from([
            ("DATABASE_URL", database.url.clone()),
            (
                "AMQP_URL",
                options.amqp_url.clone().unwrap_or_else(amqp_url),
            ),
            ("CARILLON__AMQP__PREFIX", prefix.clone()),
            ("CARILLON__API__LISTEN", format!("127.0.0.1:{api}")),
            ("CARILLON__API__ADMIN_TOKEN", admin_token.clone()),
            (
                "CARILLON__SECURITY__ENCRYPTION_KEY",
                ENCRYPTION_KEY.to_owned(),
            ),
            ("CARILLON__SANDBOX__URL", sandbox_url.clone()),
            ("CARILLON__SANDBOX__LISTEN", format!("127.0.0.1:{sandbox}")),
            (
                "CARILLON__SANDBOX__LOG_FILE",
                log_file.display().to_string(),
            ),
            (
                "CARILLON__SANDBOX__CALLBACK_URL",
                format!("{api_url}/callbacks/sandbox"),
            ),
            (
                "CARILLON__SANDBOX__SIGNING_KEY",
                Uuid::new_v4().simple().to_string(),
            ),
            // Stories about other things must not come to a limit.
            ("CARILLON__LIMITS__RATE_LIMIT", "1000000000".to_owned()),
            (
                "CARILLON__LIMITS__EMAIL_DAILY_LIMIT",
                "1000000000".to_owned(),
            ),
            ("CARILLON__LIMITS__SMS_DAILY_LIMIT", "1000000000".to_owned()),
            // Minutes between attempts become seconds.
            ("CARILLON__RETRY__SCALE", "0.02".to_owned()),
            // Nobody is to take over.
            ("CARILLON__API__LINGER_MS", "0".to_owned()),
        ]);
        // Loopback only: no proxy is asked. A connection to a process that was killed is not kept.
        let client = Client::builder()
            .no_proxy()
            .timeout(ANSWERS_WITHIN)
            .pool_max_idle_per_host(0)
            .tls_certs_only([])
            .build()
            .expect("a client without TLS roots can be built");
        Self {
            health_ports: MEMBERS
                .into_iter()
                .map(|member| (member, free_port()))
                .collect(),
            database,
            prefix,
            api_url,
            sandbox_url,
            admin_token,
            options,
            env,
            running: BTreeMap::new(),
            demo: BTreeMap::new(),
            client,
            _directory: directory,
        }
    }
}
