//! Processes of which there are several of a kind.

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::processes;
use super::{Member, Stack};
use crate::{Balancer, Process, free_port};

/// One of several processes of a kind, with ports of its own. Killed when dropped.
#[derive(Debug)]
pub struct Replica {
    member: Member,
    process: Process,
    /// Where it serves, if it is an API.
    serves: Option<SocketAddr>,
    health: String,
    client: reqwest::Client,
}

/// How a process ended that was asked to.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Of which kind it was.
    pub member: Member,
    /// Its exit code.
    pub status: ExitStatus,
    /// From SIGTERM to its end.
    pub after: Duration,
}

impl Stack {
    /// Starts one of several processes of a kind, and does not wait for it. For an API
    /// [`Stack::api_url`] is where a [`Balancer`] is to stand.
    #[must_use]
    pub fn replica(&self, member: Member, env: &[(&'static str, String)]) -> Replica {
        let health = format!("127.0.0.1:{}", free_port());
        let serves =
            (member == Member::Api).then(|| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let mut more = vec![("CARILLON__HEALTH__LISTEN", health.clone())];
        if let Some(serves) = serves {
            more.push(("CARILLON__API__LISTEN", serves.to_string()));
            more.push(("CARILLON__API__PUBLIC_URL", self.api_url.clone()));
        }
        more.extend(env.iter().cloned());
        Replica {
            member,
            process: Process::start(member.binary(), self.environment(member, &more), &[]),
            serves,
            health: format!("http://{health}"),
            client: self.client.clone(),
        }
    }

    /// A balancer at [`Stack::api_url`], for the APIs among the replicas.
    ///
    /// # Panics
    /// When somebody listens there, such as an API that [`Stack::start`] has started.
    pub async fn balancer(&self) -> Balancer {
        let listen = self.api_url.trim_start_matches("http://").parse();
        Balancer::start(listen.expect("the API's URL is a loopback address")).await
    }
}

impl Replica {
    /// Of which kind it is.
    #[must_use]
    pub const fn member(&self) -> Member {
        self.member
    }

    /// Waits until it says that it is ready, and if it is an API, until the balancer has heard it.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn ready(&mut self, balancer: &Balancer) {
        let url = format!("{}/readyz", self.health);
        processes::ready(&mut self.process, &self.client, &url, self.member).await;
        if let Some(serves) = self.serves {
            balancer.add(serves, url).await;
        }
    }

    /// SIGTERM, and waits until it has drained. It says at once that it is not ready any more, for
    /// as long as it says anything.
    ///
    /// # Panics
    /// When it does not end, or says that it is ready.
    pub async fn terminate(mut self) -> Ended {
        let asked = Instant::now();
        let url = format!("{}/readyz", self.health);
        let (client, binary) = (self.client.clone(), self.member.binary());
        let is_ready = async {
            tokio::time::sleep(UNREADY_WITHIN).await;
            let answer = client.get(&url).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        let (status, is_ready) = tokio::join!(self.process.terminate(), is_ready);
        assert!(!is_ready, "{binary} takes work although it is to end");
        Ended {
            member: self.member,
            status,
            after: asked.elapsed(),
        }
    }

    /// What it exports.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn metrics(&self) -> String {
        let answer = self.client.get(format!("{}/metrics", self.health)).send();
        let answer = answer.await.expect("a process that runs exports metrics");
        answer.text().await.expect("metrics are text")
    }
}

/// A signal takes a moment to be heard.
const UNREADY_WITHIN: Duration = Duration::from_millis(500);
