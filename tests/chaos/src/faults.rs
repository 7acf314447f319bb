//! Carries out the plan.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use carillon_core::queue::Queue;
use carillon_test_support::{OwnPostgres, OwnRabbitmq};
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock;
use crate::fleet::Fleet;
use crate::history::Outage;
use crate::plan::{Plan, Server, Trouble};

/// The servers of a run, and what became of them.
pub struct Servers {
    /// PostgreSQL.
    pub postgres: OwnPostgres,
    /// RabbitMQ.
    pub rabbitmq: OwnRabbitmq,
    /// What stands before the names of queues.
    pub prefix: String,
    outages: Mutex<Vec<Outage>>,
    deleted: Mutex<Vec<Queue>>,
}

impl Servers {
    /// Of these servers.
    pub fn new(postgres: OwnPostgres, rabbitmq: OwnRabbitmq, prefix: String) -> Self {
        Self {
            postgres,
            rabbitmq,
            prefix,
            outages: Mutex::default(),
            deleted: Mutex::default(),
        }
    }

    /// When they were away.
    pub fn outages(&self) -> Vec<Outage> {
        let outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        outages.clone()
    }

    /// The queues that were deleted.
    pub fn deleted(&self) -> Vec<Queue> {
        let deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.clone()
    }

    async fn make(&self, trouble: Trouble) {
        let from = clock::now();
        let (server, kind) = match trouble {
            Trouble::DeleteQueue(queue) => return self.delete(queue).await,
            Trouble::Pause(server, time) => {
                self.pause(server, time).await;
                (server, "pause")
            }
            Trouble::Crash(server) => {
                self.crash(server).await;
                (server, "crash")
            }
        };
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        outages.push(Outage {
            server: server.name().to_owned(),
            kind: kind.to_owned(),
            from,
            to: clock::now(),
        });
    }

    async fn pause(&self, server: Server, time: Duration) {
        match server {
            Server::Postgres => self.postgres.pause().await,
            Server::Rabbitmq => self.rabbitmq.pause().await,
        }
        sleep(time).await;
        match server {
            Server::Postgres => self.postgres.resume().await,
            Server::Rabbitmq => self.rabbitmq.resume().await,
        }
    }

    async fn crash(&self, server: Server) {
        match server {
            Server::Postgres => {
                self.postgres.kill().await;
                self.postgres.start().await;
            }
            Server::Rabbitmq => {
                self.rabbitmq.kill().await;
                self.rabbitmq.start().await;
            }
        }
    }

    async fn delete(&self, queue: Queue) {
        let name = format!("{}{queue}", self.prefix);
        // It may be gone still, if nobody has declared it since it was deleted before.
        if self.rabbitmq.delete_queue(&name).await {
            let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
            deleted.push(queue);
        }
    }
}

/// Does everything that was planned; returns when the last of it is over and everybody is there.
pub async fn carry_out(plan: &Plan, fleet: &Fleet, servers: &Servers, say: impl Fn(&str)) {
    let began = Instant::now();
    let killing = async {
        for kill in &plan.kills {
            sleep_until(began + kill.at).await;
            let then = kill.then.map_or(String::new(), |armed| {
                format!(", armed with {}", armed.failpoints())
            });
            say(&format!(
                "kill -9 {}-{}{then}",
                kill.member.binary(),
                kill.replica
            ));
            fleet.kill(kill.member, kill.replica, kill.then);
        }
    };
    let troubling = async {
        for planned in &plan.troubles {
            sleep_until(began + planned.at).await;
            say(&format!("{}", Said(planned.trouble)));
            servers.make(planned.trouble).await;
        }
    };
    tokio::join!(killing, troubling);
}

struct Said(Trouble);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Trouble::Pause(server, time) => {
                write!(
                    f,
                    "{} paused for {:.1} s",
                    server.name(),
                    time.as_secs_f64()
                )
            }
            Trouble::Crash(server) => write!(f, "{} killed and restarted", server.name()),
            Trouble::DeleteQueue(queue) => write!(f, "queue {queue} deleted"),
        }
    }
}
