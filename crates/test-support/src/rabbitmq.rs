//! The broker that all tests share, where each keeps to its own queue names; and clusters.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{Environment, OwnRabbitmq};

/// The shared broker's URL.
pub fn amqp_url() -> String {
    Environment::get().amqp().to_owned()
}

/// A prefix for queue names that no other test has. The queues are left to the end of the run.
pub fn prefix() -> String {
    format!("t{}.", &Uuid::new_v4().simple().to_string()[..12])
}

/// Several nodes of one RabbitMQ for one test, so that a queue lives on all of them. Destroyed when
/// dropped.
#[derive(Debug)]
pub struct RabbitmqCluster {
    nodes: Vec<(String, OwnRabbitmq)>,
}

/// Where a queue lives: its name, the node that leads it, and how many nodes have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The queue.
    pub queue: String,
    /// The name of its leader's node.
    pub leader: String,
    /// Nodes that have it.
    pub n_members: usize,
}

impl RabbitmqCluster {
    /// Makes and starts so many nodes, one after another.
    ///
    /// # Panics
    /// When one does not start or join.
    pub async fn start(n: usize) -> Self {
        let first = OwnRabbitmq::new().await;
        let mut nodes = vec![(name_of(&first).await, first)];
        while nodes.len() < n {
            let node = OwnRabbitmq::joining(&nodes[0].1).await;
            nodes.push((name_of(&node).await, node));
        }
        Self { nodes }
    }

    /// The URLs of all nodes, as `AMQP_URL` has them.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<&str> = self.nodes.iter().map(|(_, node)| node.url()).collect();
        urls.join(",")
    }

    /// The node of a name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn node(&self, name: &str) -> &OwnRabbitmq {
        let found = self.nodes.iter().find(|(known, _)| known == name);
        &found
            .unwrap_or_else(|| panic!("{name} is no node of the cluster"))
            .1
    }

    /// Where each queue of a prefix lives, asked of a node.
    ///
    /// # Panics
    /// When the node is away.
    pub async fn placed(&self, node: &str, prefix: &str) -> Vec<Placed> {
        let asked = [
            "-q",
            "--no-table-headers",
            "list_queues",
            "name",
            "leader",
            "members",
        ];
        let said = self.node(node).ctl(&asked).await;
        let lines = said.lines().filter(|line| line.starts_with(prefix));
        lines
            .map(|line| {
                let mut fields = line.split('\t');
                let mut next = || fields.next().unwrap_or_default().to_owned();
                Placed {
                    queue: next(),
                    leader: next(),
                    n_members: next().matches('@').count(),
                }
            })
            .collect()
    }

    /// How many connections of clients each node has, asked of any.
    ///
    /// # Panics
    /// When the first node is away.
    pub async fn connections(&self) -> BTreeMap<String, usize> {
        let asked = ["-q", "--no-table-headers", "list_connections", "pid"];
        let said = self.nodes[0].1.ctl(&asked).await;
        let mut counts: BTreeMap<String, usize> = self
            .nodes
            .iter()
            .map(|(name, _)| (name.clone(), 0))
            .collect();
        for process in said.lines() {
            // <node.creation.id.serial>
            let node = process.trim_start_matches('<').rsplitn(4, '.').nth(3);
            let node = node.unwrap_or_else(|| panic!("no process of a node: {process}"));
            *counts.entry(node.to_owned()).or_default() += 1;
        }
        counts
    }

    /// The names of the nodes.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.nodes.iter().map(|(name, _)| name.as_str()).collect()
    }
}

async fn name_of(node: &OwnRabbitmq) -> String {
    let said = node.ctl(&["-q", "eval", "node()."]).await;
    said.trim_matches(['\'', '\n', ' ']).to_owned()
}
