//! One private installation: a database, a queue prefix, and the processes that use them.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Process, TestDatabase, amqp_url, eventually, free_port, prefix};

/// A process of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// The stand-in provider.
    Sandbox,
    /// The HTTP API.
    Api,
    /// The worker.
    Worker,
    /// The poller.
    Poller,
    /// On-call: escalates.
    Escalator,
    /// On-call: aggregates.
    Aggregator,
}

/// Those of [`Stack::start`], in the order of their start: who is called stands before who calls.
const MEMBERS: [Member; 4] = [Member::Sandbox, Member::Api, Member::Worker, Member::Poller];

impl Member {
    /// The name of its binary.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Sandbox => "carillon-sandbox",
            Self::Api => "carillon-api",
            Self::Worker => "carillon-worker",
            Self::Poller => "carillon-poller",
            Self::Escalator => "carillon-escalator",
            Self::Aggregator => "carillon-aggregator",
        }
    }
}

/// What differs from the usual installation.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// The database, such as one in an [`OwnPostgres`](crate::OwnPostgres); else a new one on the
    /// shared server.
    pub database: Option<TestDatabase>,
    /// The broker's URL, such as of an [`OwnRabbitmq`](crate::OwnRabbitmq); else the shared one.
    pub amqp_url: Option<String>,
    /// Settings of every process.
    pub env: Vec<(&'static str, String)>,
    /// Settings of the sandbox alone.
    pub sandbox_env: Vec<(&'static str, String)>,
    /// Settings of the API alone.
    pub api_env: Vec<(&'static str, String)>,
    /// Settings of the worker alone, such as `FAILPOINTS`.
    pub worker_env: Vec<(&'static str, String)>,
    /// Settings of the poller alone.
    pub poller_env: Vec<(&'static str, String)>,
}

impl StackOptions {
    fn env_of(&self, member: Member) -> &[(&'static str, String)] {
        match member {
            Member::Sandbox => &self.sandbox_env,
            Member::Api => &self.api_env,
            Member::Worker => &self.worker_env,
            Member::Poller => &self.poller_env,
            Member::Escalator | Member::Aggregator => &[],
        }
    }
}

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

/// An unoptimised process on a busy machine connects, declares and answers within this time.
const READY_WITHIN: Duration = Duration::from_secs(60);

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

    async fn seed(&mut self) {
        let printed = self.carillon(&["service", "demo", "--format", "env"]).await;
        self.demo = exports(&printed);
        for name in [
            "SERVICE_ID",
            "API_KEY",
            "EMAIL_TEMPLATE_ID",
            "SMS_TEMPLATE_ID",
        ] {
            assert!(
                self.demo.contains_key(name),
                "carillon service demo printed no {name}"
            );
        }
    }

    // --- processes -----------------------------------------------------------------------

    /// The environment of a process, with the health port that is its own.
    fn env_for(
        &self,
        member: Option<Member>,
        more: &[(&'static str, String)],
    ) -> Vec<(String, String)> {
        let mut env = self.env.clone();
        env.extend(self.options.env.iter().cloned());
        if let Some(member) = member {
            if let Some(port) = self.health_ports.get(&member) {
                env.insert("CARILLON__HEALTH__LISTEN", format!("127.0.0.1:{port}"));
            }
            env.extend(self.options.env_of(member).iter().cloned());
        }
        env.extend(more.iter().cloned());
        env.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The environment of a process that the caller runs.
    #[must_use]
    pub fn environment(
        &self,
        member: Member,
        more: &[(&'static str, String)],
    ) -> Vec<(String, String)> {
        self.env_for(Some(member), more)
    }

    fn launch(&mut self, member: Member, more: &[(&'static str, String)]) {
        let process = Process::start(member.binary(), self.env_for(Some(member), more), &[]);
        self.running.insert(member, process);
    }

    async fn ready(&mut self, member: Member) {
        let url = format!("{}/readyz", self.health_url(member));
        let client = self.client.clone();
        let process = self.process(member);
        let binary = member.binary();
        eventually(&format!("{binary} is ready"), READY_WITHIN, async || {
            assert!(process.is_running(), "{binary} ended before it was ready");
            let answer = client.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        if member == Member::Api {
            // Its first read of the service has to connect, which on a busy machine may take longer
            // than a request waits.
            eventually("the API knows the service", READY_WITHIN, async || {
                let answer = self
                    .request(Method::GET, "/v2/templates", &self.key(), None)
                    .await;
                matches!(answer, Ok((200, _))).then_some(())
            })
            .await;
        }
    }

    /// Starts a process that does not run, with these settings besides those of the stack, and
    /// waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start_process(&mut self, member: Member, env: &[(&'static str, String)]) {
        self.launch(member, env);
        self.ready(member).await;
    }

    /// Starts a process without waiting for it, such as while its servers are away.
    pub fn launch_process(&mut self, member: Member, env: &[(&'static str, String)]) {
        self.launch(member, env);
    }

    /// Starts one more process of a kind, beside the one that is managed here; it ends when it is
    /// dropped. It serves its health on a port of its own.
    #[must_use]
    pub fn another(&self, member: Member, env: &[(&'static str, String)]) -> Process {
        let listen = format!("127.0.0.1:{}", free_port());
        let mut more = vec![("CARILLON__HEALTH__LISTEN", listen)];
        more.extend(env.iter().cloned());
        Process::start(member.binary(), self.env_for(Some(member), &more), &[])
    }

    /// Starts the worker; see [`Stack::start_process`].
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start_worker(&mut self, env: &[(&'static str, String)]) {
        self.start_process(Member::Worker, env).await;
    }

    /// Starts the API.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start_api(&mut self, env: &[(&'static str, String)]) {
        self.start_process(Member::Api, env).await;
    }

    /// Starts the poller.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start_poller(&mut self, env: &[(&'static str, String)]) {
        self.start_process(Member::Poller, env).await;
    }

    /// SIGKILL to a process.
    pub fn kill_process(&mut self, member: Member) {
        self.process(member).kill();
    }

    /// SIGKILL to the worker.
    pub fn kill_worker(&mut self) {
        self.kill_process(Member::Worker);
    }

    /// SIGKILL to the API.
    pub fn kill_api(&mut self) {
        self.kill_process(Member::Api);
    }

    /// SIGKILL to the poller.
    pub fn kill_poller(&mut self) {
        self.kill_process(Member::Poller);
    }

    /// SIGTERM to a process, and waits until it has drained.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn terminate_process(&mut self, member: Member) -> ExitStatus {
        self.process(member).terminate().await
    }

    /// A process, for what has no verb here.
    ///
    /// # Panics
    /// When it was never started.
    pub fn process(&mut self, member: Member) -> &mut Process {
        self.running
            .get_mut(&member)
            .unwrap_or_else(|| panic!("{member:?} was not started"))
    }

    /// Where a process serves `/livez`, `/readyz` and `/metrics`.
    #[must_use]
    pub fn health_url(&self, member: Member) -> String {
        format!("http://127.0.0.1:{}", self.health_ports[&member])
    }

    /// Runs the command line tool in this installation and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub async fn carillon(&self, args: &[&str]) -> String {
        let done = Process::run("carillon", self.env_for(None, &[]), args).await;
        done.unwrap_or_else(|error| panic!("carillon {}: {error}", args.join(" ")))
    }

    // --- the API -------------------------------------------------------------------------

    /// What `carillon service demo` exported: `SERVICE_ID`, `API_KEY`, `API_KEY_TEAM`,
    /// `API_KEY_TEST`, `EMAIL_TEMPLATE_ID`, `SMS_TEMPLATE_ID`, …
    ///
    /// # Panics
    /// When it exported no such name.
    #[must_use]
    pub fn demo(&self, name: &str) -> &str {
        self.demo
            .get(name)
            .unwrap_or_else(|| panic!("carillon service demo printed no {name}"))
    }

    /// The `Authorization` of the demo service's live key.
    #[must_use]
    pub fn key(&self) -> String {
        format!("ApiKey-v1 {}", self.demo("API_KEY"))
    }

    /// The `Authorization` of the administrator.
    #[must_use]
    pub fn admin(&self) -> String {
        format!("Bearer {}", self.admin_token)
    }

    /// Calls the API; an answer that is not JSON is `null`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        auth: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{path}", self.api_url);
        let mut request = self
            .client
            .request(method, url)
            .header("Authorization", auth);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }

    /// POSTs to the API.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, auth: &str, body: &Value) -> (u16, Value) {
        let answer = self.request(Method::POST, path, auth, Some(body)).await;
        answer.unwrap_or_else(|error| panic!("POST {path}: {error:?}"))
    }

    /// GETs from the API.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str, auth: &str) -> (u16, Value) {
        let answer = self.request(Method::GET, path, auth, None).await;
        answer.unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    /// Sends the demo e-mail and returns the notification's id.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn send_email(&self, to: &str, name: &str) -> String {
        self.try_send_email(to, name)
            .await
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Sends the demo SMS and returns the notification's id.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn send_sms(&self, to: &str, name: &str) -> String {
        self.try_send_sms(to, name)
            .await
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Sends the demo e-mail.
    ///
    /// # Errors
    /// When it is not accepted: whether it was is then unknown.
    pub async fn try_send_email(&self, to: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({
            "email_address": to,
            "template_id": self.demo("EMAIL_TEMPLATE_ID"),
            "personalisation": { "name": name },
        });
        self.send("/email", &body).await
    }

    /// Sends the demo SMS.
    ///
    /// # Errors
    /// When it is not accepted: whether it was is then unknown.
    pub async fn try_send_sms(&self, to: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({
            "phone_number": to,
            "template_id": self.demo("SMS_TEMPLATE_ID"),
            "personalisation": { "name": name },
        });
        self.send("/sms", &body).await
    }

    async fn send(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let (status, answer) = self
            .request(Method::POST, path, &self.key(), Some(body))
            .await?;
        ensure!(status == 201, "POST {path}: {status} {answer}");
        Ok(answer["id"]
            .as_str()
            .with_context(|| format!("no id in {answer}"))?
            .to_owned())
    }

    /// A notification as its service reads it.
    ///
    /// # Panics
    /// When the API does not show it.
    pub async fn notification(&self, id: &str) -> Value {
        let (status, answer) = self
            .get(&format!("/v2/notifications/{id}"), &self.key())
            .await;
        assert_eq!(status, 200, "notification {id}: {answer}");
        answer
    }

    /// Waits until a notification has a status, and returns it.
    ///
    /// # Panics
    /// When it does not come to have it.
    pub async fn until_status(&self, id: &str, status: &str) -> Value {
        let what = format!("notification {id} is {status}");
        eventually(&what, SETTLES_WITHIN, async || {
            let notification = self.notification(id).await;
            (notification["status"] == status).then_some(notification)
        })
        .await
    }

    /// A notification's timeline: each entry's event and reason.
    ///
    /// # Panics
    /// When the API does not show it.
    pub async fn timeline(&self, id: &str) -> Vec<(String, Option<String>)> {
        let path = format!("/api/notifications/{id}/timeline");
        let (status, answer) = self.get(&path, &self.admin()).await;
        assert_eq!(status, 200, "timeline of {id}: {answer}");
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let events = answer["events"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        events
            .iter()
            .map(|event| {
                (
                    text(&event["event"]).unwrap_or_default(),
                    text(&event["reason"]),
                )
            })
            .collect()
    }

    // --- the sandbox ---------------------------------------------------------------------

    /// Calls that the sandbox got, of any outcome, oldest first; at most the newest 100,000.
    ///
    /// # Panics
    /// When the sandbox does not answer.
    pub async fn sandbox_calls(&self) -> Vec<Value> {
        match self
            .ask_sandbox(Method::GET, "/calls?limit=100000", None)
            .await
        {
            Ok(mut answer) => match answer["calls"].take() {
                Value::Array(calls) => calls,
                other => panic!("the sandbox's calls: {other}"),
            },
            Err(error) => panic!("the sandbox's calls: {error:?}"),
        }
    }

    /// The sandbox's counts.
    ///
    /// # Panics
    /// When the sandbox does not answer.
    pub async fn sandbox_stats(&self) -> Value {
        let stats = self.ask_sandbox(Method::GET, "/stats", None).await;
        stats.unwrap_or_else(|error| panic!("the sandbox's stats: {error:?}"))
    }

    /// Changes how the sandbox behaves, such as `{"fail_all": true}`.
    ///
    /// # Panics
    /// When the sandbox refuses it.
    pub async fn control_sandbox(&self, change: &Value) {
        let changed = self
            .ask_sandbox(Method::POST, "/control", Some(change))
            .await;
        changed.unwrap_or_else(|error| panic!("control of the sandbox: {error:?}"));
    }

    async fn ask_sandbox(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.sandbox_url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{status} {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    // --- what must be so in the end ------------------------------------------------------

    /// How many notifications have a status.
    ///
    /// # Panics
    /// When the database is away.
    pub async fn status_count(&self, status: &str) -> i64 {
        let client = self.database.client().await;
        let query = "SELECT count(*) FROM notifications WHERE status = $1";
        let row = client.query_one(query, &[&status]).await;
        row.unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    /// Waits until nothing is under way, and checks that nothing was lost or set aside: every
    /// notification is in a final status, none waits, the quarantine and all queues, those of
    /// dead letters included, are empty.
    ///
    /// # Panics
    /// When something is left.
    pub async fn assert_settled(&self) {
        // `sent` is an end too: nothing is heard after it.
        const UNSETTLED: &str = "SELECT count(*) FROM notifications \
            WHERE status IN ('created', 'sending', 'pending') \
               OR dispatched_at IS NOT NULL OR due_at IS NOT NULL OR lease_until IS NOT NULL";
        eventually(
            "every notification is in a final state",
            SETTLES_WITHIN,
            async || (self.database.number(UNSETTLED).await == 0).then_some(()),
        )
        .await;
        let quarantined = self
            .database
            .number("SELECT count(*) FROM quarantine")
            .await;
        assert_eq!(quarantined, 0, "rows in quarantine");
        // Lane markers come and go for as long as a poller runs.
        eventually(
            "the dead-letter queues are empty",
            ANSWERS_WITHIN,
            async || (self.dead_letters().await == 0).then_some(()),
        )
        .await;
    }

    /// How many messages are in dead-letter queues, as `carillon queues` counts them.
    ///
    /// # Panics
    /// When it does not say.
    pub async fn dead_letters(&self) -> u64 {
        let printed = self.carillon(&["queues", "--format", "json"]).await;
        let answer: Value = serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("carillon queues --format json: {error}: {printed}"));
        let queues = answer["queues"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        assert!(!queues.is_empty(), "carillon queues shows no queue");
        queues
            .iter()
            .map(|queue| queue["dead"].as_u64().unwrap_or(0))
            .sum()
    }
}

/// Reads `export NAME='value'` lines.
fn exports(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| {
            let bare = value.trim().trim_matches(['\'', '"']);
            (name.to_owned(), bare.replace("'\\''", "'"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_as_a_shell_reads_them() {
        let read = exports("# demo\nexport A='x=1'\nexport B=plain\nexport C=\"q\"\n");
        let expected = [("A", "x=1"), ("B", "plain"), ("C", "q")];
        assert_eq!(
            read,
            expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into()
        );
    }
}
