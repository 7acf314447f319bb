//! RabbitMQ as three nodes, of which one is killed.

use std::time::Duration;

use carillon_test_support::{RabbitmqCluster, eventually};

use super::installation::Installation;

const NODES: usize = 3;
const EACH: usize = 2;
const MESSAGES: usize = 2_500;
/// Longer than what is done to the cluster.
const LOAD: Duration = Duration::from_secs(90);
/// The load has begun.
const AFTER: Duration = Duration::from_secs(5);
/// The node is away for so long.
const AWAY: Duration = Duration::from_secs(20);
/// A leader for each queue of the dead node, and its clients elsewhere.
const MOVED_WITHIN: Duration = Duration::from_secs(60);

/// Kills the node that leads most queues and has clients, and starts it again.
async fn lose_a_node(cluster: &RabbitmqCluster, prefix: &str) {
    tokio::time::sleep(AFTER).await;
    let placed = cluster.placed(cluster.names()[0], prefix).await;
    let connections = cluster.connections().await;
    let leads = |node: &str| placed.iter().filter(|queue| queue.leader == node).count();
    println!("{} queues; connections {connections:?}", placed.len());
    assert!(!placed.is_empty());
    assert!(
        placed.iter().all(|queue| queue.n_members == NODES),
        "{placed:?}"
    );
    let victim = cluster
        .names()
        .into_iter()
        .filter(|node| connections[*node] > 0)
        .max_by_key(|node| leads(node))
        .expect("some node has clients");
    let n_led = leads(victim);
    println!(
        "kill -9 {victim}: leads {n_led}, {} connections",
        connections[victim]
    );
    assert!(n_led > 0);
    cluster.node(victim).kill().await;
    let killed = tokio::time::Instant::now();
    let other = cluster.names().into_iter().find(|node| *node != victim);
    let other = other.expect("there are three");
    eventually(
        "every queue has a leader that lives",
        MOVED_WITHIN,
        async || {
            let placed = cluster.placed(other, prefix).await;
            let is_led = |leader: &str| cluster.names().contains(&leader) && leader != victim;
            placed
                .iter()
                .all(|queue| is_led(&queue.leader))
                .then_some(())
        },
    )
    .await;
    println!(
        "every queue has another leader after {:.1?}",
        killed.elapsed()
    );
    tokio::time::sleep_until(killed + AWAY).await;
    cluster.node(victim).start().await;
    println!("the node is back after {:.1?}", killed.elapsed());
    tokio::time::sleep(AFTER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_of_three_loses_nothing() {
    let cluster = RabbitmqCluster::start(NODES).await;
    let (installation, _replicas) = Installation::start(23, EACH, Some(cluster.url())).await;
    let losing = lose_a_node(&cluster, &installation.stack.prefix);
    let (history, ()) = installation.under_load(MESSAGES, LOAD, losing).await;
    installation.failed(&history);
    installation.assert_good(history).await;
}
