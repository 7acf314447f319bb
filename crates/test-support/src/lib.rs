//! Private databases, brokers, processes and whole installations for tests.
//!
//! Everything here is real: a database of its own in the PostgreSQL of `./dev test`, a queue prefix
//! of its own in its RabbitMQ, the binaries just built. Only the outside is stood in for, over the
//! wire: AWS by moto, a mail server and a receiver of callbacks by Python's, faults by a raw server.
//! This crate knows no other crate of Carillon, so that all of them can use it in their tests.

mod balancer;
mod database;
mod environment;
mod eventually;
mod mail_server;
mod moto;
mod ports;
mod process;
mod rabbitmq;
mod servers;
mod sns_signer;
mod stack;
mod webhook_receiver;
mod wire_fault;

pub use balancer::Balancer;
pub use database::TestDatabase;
pub use environment::Environment;
pub use eventually::eventually;
pub use mail_server::{MailServer, MailServerOptions, MailServerTls};
pub use moto::Moto;
pub use ports::free_port;
pub use process::Process;
pub use rabbitmq::{Placed, RabbitmqCluster, amqp_url, prefix};
pub use servers::{OwnPostgres, OwnRabbitmq};
pub use sns_signer::SnsSigner;
pub use stack::{Ended, Member, Replica, Stack, StackOptions};
pub use webhook_receiver::WebhookReceiver;
pub use wire_fault::{Step, WireFault};
