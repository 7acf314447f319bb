//! The floor's process: one run in a fresh database and a fresh queue.

use anyhow::{Context, anyhow};
use carillon_test_support::{Process, TestDatabase, amqp_url, prefix};

use crate::broker;
use crate::floor::pipeline::Floor;
use crate::scenarios::progress;

const NO_ENV: [(&str, &str); 0] = [];

/// Messages in a second, of so many.
pub(in crate::scenarios) async fn run(n_messages: u64) -> anyhow::Result<f64> {
    let database = TestDatabase::create().await;
    let (amqp, queue, n) = (
        amqp_url(),
        format!("{}floor", prefix()),
        n_messages.to_string(),
    );
    let args = [
        ["--database", &database.url],
        ["--amqp", &amqp],
        ["--queue", &queue],
        ["--messages", &n],
    ];
    let args = [&["floor-pipeline"], args.as_flattened()].concat();
    let printed = Process::run("carillon-bench", NO_ENV, &args).await;
    let printed = printed.map_err(|error| anyhow!("the floor failed: {error}"))?;
    let floor: Floor = serde_json::from_str(&printed).context("what the floor printed")?;
    broker::delete(&amqp, &[queue]).await?;
    progress(&format!(
        "floor of PostgreSQL {:.2} s, of RabbitMQ {:.2} s",
        floor.database_s, floor.broker_s
    ));
    Ok(floor.per_second(n_messages))
}
