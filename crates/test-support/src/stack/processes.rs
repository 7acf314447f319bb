//! Starting and ending the processes of an installation.

use std::process::ExitStatus;
use std::time::Duration;

use reqwest::Method;

use super::{Member, Stack};
use crate::{Process, eventually, free_port};

/// An unoptimised process on a busy machine connects, declares and answers within this time.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(60);

impl Stack {
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

    pub(super) fn launch(&mut self, member: Member, more: &[(&'static str, String)]) {
        let process = Process::start(member.binary(), self.env_for(Some(member), more), &[]);
        self.running.insert(member, process);
    }

    pub(super) async fn ready(&mut self, member: Member) {
        let url = format!("{}/readyz", self.health_url(member));
        let client = self.client.clone();
        let process = self.process(member);
        ready(process, &client, &url, member).await;
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
}

/// Waits until a process says at this URL that it is ready.
pub(super) async fn ready(
    process: &mut Process,
    client: &reqwest::Client,
    url: &str,
    member: Member,
) {
    let binary = member.binary();
    eventually(&format!("{binary} is ready"), READY_WITHIN, async || {
        assert!(process.is_running(), "{binary} ended before it was ready");
        let answer = client.get(url).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}
