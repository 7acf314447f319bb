//! What is to go wrong, and when: a pure function of the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use carillon_core::queue::Queue;
use carillon_test_support::Member;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::points::{POINTS, Point};
use crate::queues;

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every fault.
    Full,
    /// Only faults that are made good within seconds, with shorter leases: for the suite.
    Short,
}

/// A crash point that a process is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Armed {
    /// The point.
    pub point: Point,
    /// How often it is passed before the process dies.
    pub spared: u32,
}

impl Armed {
    /// The value of `FAILPOINTS`.
    #[must_use]
    pub fn failpoints(self) -> String {
        match self.spared {
            0 => format!("{}=return", self.point.name),
            n => format!("{}={n}*off->return", self.point.name),
        }
    }
}

/// A process that is killed, and what its successor is armed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// When, from the begin of the load.
    pub at: Duration,
    /// Of this binary …
    pub member: Member,
    /// … this one, from 0.
    pub replica: usize,
    /// What its successor dies of, if it comes there.
    pub then: Option<Armed>,
}

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// PostgreSQL.
    Postgres,
    /// RabbitMQ.
    Rabbitmq,
}

impl Server {
    /// Its name, as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Rabbitmq => "RabbitMQ",
        }
    }
}

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// All its processes are stopped (SIGSTOP) for a while: connections stay open, nothing answers.
    Pause(Server, Duration),
    /// It is stopped as a crash would, and started again.
    Crash(Server),
    /// A queue is deleted with all that is in it.
    DeleteQueue(Queue),
}

/// A trouble and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// When, from the begin of the load; later if the trouble before it lasts longer.
    pub at: Duration,
    /// What.
    pub trouble: Trouble,
}

/// Everything that is to go wrong in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it was made from.
    pub seed: u64,
    /// How long messages are posted.
    pub load: Duration,
    /// What the first processes are armed with, by binary and number.
    pub first: BTreeMap<(Member, usize), Armed>,
    /// Processes that are killed, in order.
    pub kills: Vec<Kill>,
    /// What happens to servers and queues, in order, one after the other.
    pub troubles: Vec<Planned>,
}

/// How many messages are posted in a second: what debug builds on two cores keep up with while
/// half of them are restarting.
const PER_SECOND: f64 = 90.0;
/// So far apart are the kills at least, on average.
const SECONDS_PER_KILL: f64 = 2.5;
/// There is a trouble of a server for so many kills …
const KILLS_PER_TROUBLE: usize = 4;
/// … and a deleted queue for so many.
const KILLS_PER_QUEUE: usize = 8;

/// How many processes of each binary run; whoever is called starts before who calls.
#[must_use]
pub const fn replicas(scope: Scope) -> [(Member, usize); 6] {
    [
        // The oracle of provider calls. Its log would survive a kill, but not the knowledge of
        // whether an answer had left.
        (Member::Sandbox, 1),
        (Member::Api, 2),
        (
            Member::Worker,
            if matches!(scope, Scope::Full) { 3 } else { 2 },
        ),
        (Member::Poller, 2),
        (Member::Escalator, 1),
        (Member::Aggregator, 1),
    ]
}

/// How often the provider answers badly while messages are posted, as `PUT /faults` takes it.
#[must_use]
pub fn provider_faults(seed: u64) -> Value {
    json!({
        "seed": seed,
        "percent": { "fail": 3.0, "throttle": 0.5, "hang": 0.5, "reset_after_accept": 1.5 },
    })
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64, n_messages: usize, n_kills: usize, scope: Scope) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let by_messages = n_messages as f64 / PER_SECOND;
        let by_kills = n_kills as f64 * SECONDS_PER_KILL;
        let load = Duration::from_secs_f64(by_messages.max(by_kills).max(5.0));
        let mut points = Rotation::new(&mut rng, scope);
        let mut first = BTreeMap::new();
        for (member, n) in replicas(scope) {
            for replica in 0..n {
                if let Some(armed) = points.next(member, &mut rng) {
                    first.insert((member, replica), armed);
                }
            }
        }
        let kills = times(&mut rng, n_kills, load)
            .into_iter()
            .map(|at| {
                let (member, replica) = victim(&mut rng, scope);
                let then = points.next(member, &mut rng);
                Kill {
                    at,
                    member,
                    replica,
                    then,
                }
            })
            .collect();
        let troubles = troubles(&mut rng, n_kills, load, scope);
        Self {
            seed,
            load,
            first,
            kills,
            troubles,
        }
    }
}

/// Hands out the points of each binary in turn, in an order of the seed's.
struct Rotation {
    points: BTreeMap<Member, Vec<Point>>,
    n_given: BTreeMap<Member, usize>,
}

impl Rotation {
    fn new(rng: &mut StdRng, scope: Scope) -> Self {
        let mut points: BTreeMap<Member, Vec<Point>> = BTreeMap::new();
        for point in POINTS {
            let is_wanted = scope == Scope::Full || !point.waits_for_watermark;
            if let Some(member) = point.member().filter(|_| is_wanted) {
                points.entry(member).or_default().push(*point);
            }
        }
        points.values_mut().for_each(|of| of.shuffle(rng));
        Self {
            points,
            n_given: BTreeMap::new(),
        }
    }

    fn next(&mut self, member: Member, rng: &mut StdRng) -> Option<Armed> {
        let points = self.points.get(&member)?;
        let n = self.n_given.entry(member).or_default();
        let point = points[*n % points.len()];
        *n += 1;
        let spared = rng.random_range(0..=point.spared());
        Some(Armed { point, spared })
    }
}

/// Evenly over the load with some chance in it, so that no two are far apart.
fn times(rng: &mut StdRng, n: usize, load: Duration) -> Vec<Duration> {
    let share = load.as_secs_f64() / n.max(1) as f64;
    (0..n)
        .map(|i| Duration::from_secs_f64((i as f64 + rng.random_range(0.1..0.9)) * share))
        .collect()
}

/// Whom a kill meets: workers most of all, for most arrows are theirs.
fn victim(rng: &mut StdRng, scope: Scope) -> (Member, usize) {
    let member = match rng.random_range(0..100) {
        0..50 => Member::Worker,
        50..72 => Member::Api,
        72..92 => Member::Poller,
        92..96 => Member::Escalator,
        _ => Member::Aggregator,
    };
    let n = replicas(scope).into_iter().find(|(of, _)| *of == member);
    (member, rng.random_range(0..n.map_or(1, |(_, n)| n)))
}

fn troubles(rng: &mut StdRng, n_kills: usize, load: Duration, scope: Scope) -> Vec<Planned> {
    let longest_pause = if scope == Scope::Full { 10.0 } else { 3.0 };
    let n_servers = (n_kills / KILLS_PER_TROUBLE).max(2);
    let mut all: Vec<Trouble> = Vec::new();
    while all.len() < n_servers {
        let mut of = |server| {
            let time = Duration::from_secs_f64(rng.random_range(2.0..longest_pause));
            let mut kinds = [Trouble::Pause(server, time), Trouble::Crash(server)];
            kinds.shuffle(rng);
            kinds
        };
        // Both servers in turn, and each kind once before any comes again.
        let (postgres, rabbitmq) = (of(Server::Postgres), of(Server::Rabbitmq));
        let turns = postgres.into_iter().zip(rabbitmq);
        all.extend(turns.flat_map(|(postgres, rabbitmq)| [postgres, rabbitmq]));
    }
    all.truncate(n_servers);
    if scope == Scope::Full {
        let deletable = queues::deletable();
        for _ in 0..(n_kills / KILLS_PER_QUEUE).max(1) {
            all.extend(deletable.choose(rng).copied().map(Trouble::DeleteQueue));
        }
        all.shuffle(rng);
    }
    let times = times(rng, all.len(), load);
    let planned = times.into_iter().zip(all);
    planned
        .map(|(at, trouble)| Planned { at, trouble })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn equal_seeds_plan_alike_and_others_differently() {
        let plan = |seed| Plan::of(seed, 2_000, 8, Scope::Full);
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn a_long_run_meets_every_fault_and_every_crash_point_within_its_load() {
        let plan = Plan::of(1, 20_000, 40, Scope::Full);
        assert_eq!(plan.kills.len(), 40);
        let armed = plan.kills.iter().filter_map(|kill| kill.then);
        let armed: BTreeSet<&str> = armed
            .chain(plan.first.values().copied())
            .map(|armed| armed.point.name)
            .collect();
        let missing: Vec<_> = POINTS.iter().filter(|p| !armed.contains(p.name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let has = |wanted: fn(&Trouble) -> bool| plan.troubles.iter().any(|p| wanted(&p.trouble));
        assert!(has(|t| matches!(t, Trouble::Pause(Server::Postgres, _))));
        assert!(has(|t| matches!(t, Trouble::Pause(Server::Rabbitmq, _))));
        assert!(has(|t| matches!(t, Trouble::Crash(Server::Postgres))));
        assert!(has(|t| matches!(t, Trouble::Crash(Server::Rabbitmq))));
        assert!(has(|t| matches!(t, Trouble::DeleteQueue(_))));
        let times = plan.kills.iter().map(|k| k.at);
        let times: Vec<_> = times.chain(plan.troubles.iter().map(|p| p.at)).collect();
        assert!(times.iter().all(|at| *at < plan.load), "{times:?}");
        assert!(
            (200..=240).contains(&plan.load.as_secs()),
            "{:?}",
            plan.load
        );
    }

    #[test]
    fn a_short_run_has_nothing_that_only_a_watermark_makes_good() {
        for seed in 0..50 {
            let plan = Plan::of(seed, 300, 5, Scope::Short);
            let armed = plan.kills.iter().filter_map(|kill| kill.then);
            let mut armed = armed.chain(plan.first.values().copied());
            assert!(armed.all(|armed| !armed.point.waits_for_watermark));
            let mut troubles = plan.troubles.iter().map(|planned| planned.trouble);
            assert!(troubles.all(|t| !matches!(t, Trouble::DeleteQueue(_))));
            assert!(plan.load <= Duration::from_secs(15));
        }
    }
}
