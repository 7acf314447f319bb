//! Driving: connections that send until it is enough, as fast as they can or at a fixed rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::Connection;
use super::email::{Email, Target};
use super::tally::Tally;

/// When the next request starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// When the connection's last one is answered: closed loop.
    Closed,
    /// So many in a second whatever comes back: open loop. Latency counts from the intended start,
    /// so that a request which had to wait for a connection shows it.
    PerSecond(f64),
}

/// When it is enough.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    /// After so many requests.
    Count(u64),
    /// After this time; what has begun is still answered.
    Elapsed(Duration),
    /// Once this says so; what has begun is still answered.
    Told(Arc<AtomicBool>),
}

/// A request that is not answered within this time is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Broken requests of one connection before it gives up.
const BROKEN_LIMIT: u64 = 20;

struct Run {
    targets: Vec<Target>,
    pace: Pace,
    until: Until,
    seed: u64,
    started: Instant,
    next: AtomicU64,
}

/// The most connections of a scenario.
const CONNECTIONS: usize = 64;
/// A connection sends at least once in this time, in seconds: the API closes those that are idle for
/// five.
const USED_EVERY_S: f64 = 2.0;

impl Pace {
    fn n_connections(self) -> usize {
        match self {
            Self::Closed => CONNECTIONS,
            Self::PerSecond(rate) => ((rate * USED_EVERY_S) as usize).clamp(1, CONNECTIONS),
        }
    }
}

/// Sends over 64 connections, or as few as a low rate keeps busy, to the services in turn, and returns
/// what came of it. All targets are of one API.
pub(crate) async fn drive(
    targets: &[Target],
    pace: Pace,
    until: Until,
    seed: u64,
) -> anyhow::Result<Tally> {
    let address = targets.first().context("a target")?.address;
    let n_connections = pace.n_connections();
    let mut connections = Vec::with_capacity(n_connections);
    for _ in 0..n_connections {
        connections.push(Connection::open(address).await?);
    }
    let run = Arc::new(Run {
        targets: targets.to_vec(),
        pace,
        until,
        seed,
        started: Instant::now(),
        next: AtomicU64::new(0),
    });
    let mut running = JoinSet::new();
    for connection in connections {
        running.spawn(send(Arc::clone(&run), connection));
    }
    let mut total = Tally::new()?;
    while let Some(ended) = running.join_next().await {
        total.add(&ended.context("a connection's task")??)?;
    }
    total.elapsed = run.started.elapsed();
    Ok(total)
}

async fn send(run: Arc<Run>, mut connection: Connection) -> anyhow::Result<Tally> {
    let emails = run
        .targets
        .iter()
        .map(|target| Email::new(target, run.seed));
    let mut emails = emails.collect::<anyhow::Result<Vec<_>>>()?;
    let address = run.targets[0].address;
    let mut tally = Tally::new()?;
    loop {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        let start = run.start_of(number);
        if run.is_enough(number, start) {
            return Ok(tally);
        }
        if matches!(run.pace, Pace::PerSecond(_)) {
            sleep_until(start).await;
            // It may have been told meanwhile.
            if run.is_enough(number, start) {
                return Ok(tally);
            }
        }
        let n_emails = emails.len() as u64;
        let email = &mut emails[(number % n_emails) as usize];
        match timeout(PATIENCE, connection.exchange(email.to(number)?)).await {
            Ok(Ok(status)) => tally.answered(status, start.elapsed()),
            Ok(Err(_)) | Err(_) => {
                tally.n_broken += 1;
                ensure!(tally.n_broken < BROKEN_LIMIT, "{address} does not answer");
                connection = Connection::open(address).await?;
            }
        }
    }
}

impl Run {
    fn start_of(&self, number: u64) -> Instant {
        match self.pace {
            Pace::Closed => Instant::now(),
            Pace::PerSecond(rate) => self.started + Duration::from_secs_f64(number as f64 / rate),
        }
    }

    fn is_enough(&self, number: u64, start: Instant) -> bool {
        match &self.until {
            Until::Count(n) => number >= *n,
            Until::Elapsed(time) => start >= self.started + *time,
            Until::Told(is_enough) => is_enough.load(Ordering::Relaxed),
        }
    }
}
