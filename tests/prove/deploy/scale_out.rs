//! From one process of each kind to four, and back.

use std::time::Duration;

use carillon_test_support::{Ended, Member, Replica};

use super::installation::Installation;
use super::{KINDS, assert_orderly};

const MESSAGES: usize = 2_500;
/// Longer than adding and removing takes.
const LOAD: Duration = Duration::from_secs(120);
/// The load has begun.
const AFTER: Duration = Duration::from_secs(3);
const MOST: usize = 4;
/// All of them work for so long.
const TOGETHER: Duration = Duration::from_secs(20);

/// The sum of a metric's values.
fn sum(metrics: &str, name: &str) -> f64 {
    metrics
        .lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// What each API has accepted and each worker has handed to the provider so far.
async fn shares(replicas: &[Replica]) -> Vec<(Member, f64)> {
    let mut shares = Vec::new();
    for replica in replicas {
        let name = match replica.member() {
            Member::Api => "carillon_accepted_total",
            Member::Worker => "carillon_provider_calls_total",
            _ => continue,
        };
        shares.push((replica.member(), sum(&replica.metrics().await, name)));
    }
    shares
}

struct Scaled {
    ended: Vec<Ended>,
    left: Vec<Replica>,
    shares: Vec<(Member, f64)>,
}

async fn out_and_in(installation: &Installation, mut replicas: Vec<Replica>) -> Scaled {
    tokio::time::sleep(AFTER).await;
    for _ in 1..MOST {
        for kind in KINDS {
            let mut replica = installation.stack.replica(kind, &[]);
            replica.ready(&installation.balancer).await;
            replicas.push(replica);
        }
    }
    tokio::time::sleep(TOGETHER).await;
    let shares = shares(&replicas).await;
    // The newest stay.
    let n_to_end = replicas.len() - KINDS.len();
    let mut ended = Vec::new();
    let left = replicas.split_off(n_to_end);
    for replica in replicas {
        ended.push(replica.terminate().await);
    }
    Scaled {
        ended,
        left,
        shares,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_of_each_process_share_the_work_and_do_nothing_twice() {
    let (installation, replicas) = Installation::start(22, 1, None).await;
    let scaling = out_and_in(&installation, replicas);
    let (history, scaled) = installation.under_load(MESSAGES, LOAD, scaling).await;
    let shares = scaled.shares;
    println!("after {TOGETHER:?} with four of each: {shares:?}");
    assert_eq!(shares.len(), 2 * MOST);
    assert!(
        shares.iter().all(|(_, n)| *n > 0.0),
        "one was idle: {shares:?}"
    );
    assert_orderly(&scaled.ended);
    installation.failed(&history);
    installation.assert_good(history).await;
    drop(scaled.left);
}
