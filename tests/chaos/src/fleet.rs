//! The processes of a run: started armed with crash points, killed, and started again when they
//! have died.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use carillon_test_support::{Member, Process, Stack, free_port};

use crate::clock;
use crate::history::{Cause, Death};
use crate::plan::Armed;

/// How often is looked whether all of them run.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A process that died so soon is not started again at once: its servers may be away.
const TOO_SOON: Duration = Duration::from_secs(2);
/// Unoptimised binaries on a busy machine are ready within this time.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// SIGABRT, by which a process dies at a crash point.
const ABORTED: i32 = 6;

/// Every process.
pub struct Fleet {
    replicas: Mutex<Vec<Replica>>,
    deaths: Mutex<Vec<Death>>,
    armed: Mutex<BTreeMap<&'static str, usize>>,
}

struct Replica {
    member: Member,
    number: usize,
    env: Vec<(String, String)>,
    log: PathBuf,
    health: String,
    process: Option<Process>,
    armed: Option<Armed>,
    launched: Instant,
}

impl Replica {
    fn launch(&mut self, armed: Option<Armed>) {
        let mut env = self.env.clone();
        if let Some(armed) = armed {
            env.push(("FAILPOINTS".to_owned(), armed.failpoints()));
        }
        // The one before must be gone: its ports and, in the sandbox, its log are needed.
        self.process = None;
        let process = Process::start_logging_to(&self.log, self.member.binary(), env);
        self.process = Some(process);
        self.armed = armed;
        self.launched = Instant::now();
    }

    fn name(&self) -> String {
        format!("{}-{}", self.member.binary(), self.number)
    }
}

impl Fleet {
    /// Starts so many of each, with these crash points. Their logs lie in a folder, one file each.
    pub fn start(
        stack: &Stack,
        api_urls: &[String],
        wanted: &[(Member, usize)],
        armed: &BTreeMap<(Member, usize), Armed>,
        logs: &Path,
    ) -> Self {
        let fleet = Self {
            replicas: Mutex::default(),
            deaths: Mutex::default(),
            armed: Mutex::default(),
        };
        for (member, n) in wanted {
            for number in 0..*n {
                let listen = format!("127.0.0.1:{}", free_port());
                let mut own = vec![("CARILLON__HEALTH__LISTEN", listen.clone())];
                if *member == Member::Api
                    && let Some(url) = api_urls.get(number)
                {
                    let url = url.trim_start_matches("http://");
                    own.push(("CARILLON__API__LISTEN", url.to_owned()));
                }
                let mut replica = Replica {
                    member: *member,
                    number,
                    env: stack.environment(*member, &own),
                    log: logs.join(format!("{}-{number}.log", member.binary())),
                    health: format!("http://{listen}"),
                    process: None,
                    armed: None,
                    launched: Instant::now(),
                };
                fleet.launch(&mut replica, armed.get(&(*member, number)).copied());
                fleet.replicas().push(replica);
            }
        }
        fleet
    }

    fn replicas(&self) -> MutexGuard<'_, Vec<Replica>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, replica: &mut Replica, armed: Option<Armed>) {
        if let Some(armed) = armed {
            let mut counts = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(armed.point.name).or_default() += 1;
        }
        replica.launch(armed);
    }

    /// How often a process was started with each crash point.
    pub fn times_armed(&self) -> BTreeMap<&'static str, usize> {
        let counts = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    /// Every death so far.
    pub fn deaths(&self) -> Vec<Death> {
        let deaths = self.deaths.lock().unwrap_or_else(PoisonError::into_inner);
        deaths.clone()
    }

    fn note(&self, replica: &Replica, cause: Cause) {
        let mut deaths = self.deaths.lock().unwrap_or_else(PoisonError::into_inner);
        deaths.push(Death {
            at: clock::now(),
            binary: replica.member.binary().to_owned(),
            cause,
        });
    }

    /// Starts again whatever has died, unarmed, until it is dropped.
    pub async fn keep_running(&self) {
        loop {
            for replica in self.replicas().iter_mut() {
                self.revive(replica);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn revive(&self, replica: &mut Replica) {
        if let Some(process) = &mut replica.process {
            let Some(status) = process.exit_status() else {
                return;
            };
            let cause = cause(replica.armed, status);
            let is_planned = matches!(cause, Cause::Point(_));
            self.note(replica, cause);
            replica.process = None;
            if !is_planned && replica.launched.elapsed() < TOO_SOON {
                return;
            }
        } else if replica.launched.elapsed() < TOO_SOON {
            return;
        }
        self.launch(replica, None);
    }

    /// SIGKILL to one of a binary's processes; its successor is started at once.
    pub fn kill(&self, member: Member, number: usize, then: Option<Armed>) {
        let mut replicas = self.replicas();
        let found = replicas
            .iter_mut()
            .find(|r| (r.member, r.number) == (member, number));
        if let Some(replica) = found {
            if let Some(process) = &mut replica.process {
                process.kill();
                self.note(replica, Cause::Killed);
            }
            self.launch(replica, then);
        }
    }

    /// Kills whoever is still armed, so that nothing dies any more.
    pub fn disarm(&self) {
        let armed: Vec<_> = self
            .replicas()
            .iter()
            .filter(|replica| replica.armed.is_some())
            .map(|replica| (replica.member, replica.number))
            .collect();
        for (member, number) in armed {
            self.kill(member, number, None);
        }
    }

    /// Waits until every process is ready.
    ///
    /// # Errors
    /// When one is not, naming it.
    pub async fn ready(&self, http: &reqwest::Client) -> anyhow::Result<()> {
        let began = Instant::now();
        for (name, health) in self.pages() {
            let url = format!("{health}/readyz");
            loop {
                let answer = http.get(&url).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                self.all_run()?;
                if began.elapsed() > READY_WITHIN {
                    bail!("{name} is not ready after {READY_WITHIN:?}");
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// Fails with the last words of a process that has ended.
    fn all_run(&self) -> anyhow::Result<()> {
        for replica in self.replicas().iter_mut() {
            let process = replica.process.as_mut();
            if let Some(status) = process.and_then(Process::exit_status) {
                let log = std::fs::read_to_string(&replica.log).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default();
                bail!("{} has ended, {status}: {last}", replica.name());
            }
        }
        Ok(())
    }

    /// What every process exports, by its name.
    ///
    /// # Errors
    /// When one does not answer.
    pub async fn metrics(&self, http: &reqwest::Client) -> anyhow::Result<Vec<(String, String)>> {
        let mut metrics = Vec::new();
        for (name, health) in self.pages() {
            let answer = http.get(format!("{health}/metrics")).send().await;
            let answer = answer.with_context(|| format!("/metrics of {name}"))?;
            metrics.push((name, answer.text().await?));
        }
        Ok(metrics)
    }

    fn pages(&self) -> Vec<(String, String)> {
        let replicas = self.replicas();
        let page = |replica: &Replica| (replica.name(), replica.health.clone());
        replicas.iter().map(page).collect()
    }
}

fn cause(armed: Option<Armed>, status: ExitStatus) -> Cause {
    match armed {
        Some(armed) if status.signal() == Some(ABORTED) => {
            Cause::Point(armed.point.name.to_owned())
        }
        _ => Cause::Itself(status.to_string()),
    }
}
