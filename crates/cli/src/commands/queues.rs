//! `carillon queues`.

use std::time::Duration;

use anyhow::Context;
use carillon_amqp::depth::{self, Depth};
use carillon_amqp::topology;
use carillon_core::queue::Queue;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, or_dash, table};

/// A broker that answers a few dozen questions more slowly than this is as good as away.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
A dash stands for a queue that does not exist yet. DEAD counts what exceeded its delivery limit and
lies in the queue of the same name with .dead at its end.";

const DECLARE_HELP: &str = "\
Every process declares the queues when it connects, unless its user may not: deploy/rabbitmq has
permissions under which no process can delete the queues that hold the only copy of a message. Run
this then as the user that may, before the processes first start and after every upgrade. Queues that
are there stay as they are.

Example:
  AMQP_URL=amqp://carillon-topology:PASSWORD@rabbitmq/%2f carillon queues declare";

/// Show how many messages wait in each queue
#[derive(Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Queues {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    output: Output,
}

/// What else can be done with queues.
#[derive(Subcommand)]
enum Command {
    /// Declare every queue, where the processes' user may not
    #[command(after_help = DECLARE_HELP)]
    Declare {
        #[command(flatten)]
        output: Output,
    },
}

impl Queues {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let broker = cx.broker()?;
        if let Some(Command::Declare { output }) = self.command {
            carillon_amqp::declare(&broker)
                .await
                .context("cannot declare the queues")?;
            let names: Vec<_> = Queue::ALL
                .iter()
                .map(|queue| topology::name(&broker.prefix, *queue))
                .collect();
            let text = || {
                format!(
                    "{} queues are there, each with one for its dead letters",
                    names.len()
                )
            };
            return output.render(text, json!({ "queues": names }));
        }
        let depths = tokio::time::timeout(ANSWER_WITHIN, depth::read(&broker))
            .await
            .context("RabbitMQ does not answer")?
            .context("cannot read the queues")?;
        let json: Vec<Value> = depths
            .iter()
            .map(|depth| {
                json!({
                    "queue": topology::name(&broker.prefix, depth.queue),
                    "waiting": depth.messages, "consumers": depth.consumers, "dead": depth.dead,
                })
            })
            .collect();
        self.output
            .render(|| text(&broker.prefix, &depths), json!({ "queues": json }))
    }
}

fn text(prefix: &str, depths: &[Depth]) -> String {
    let columns = [
        Column::Left("QUEUE"),
        Column::Right("WAITING"),
        Column::Right("CONSUMERS"),
        Column::Right("DEAD"),
    ];
    let rows: Vec<_> = depths
        .iter()
        .map(|depth| {
            [
                topology::name(prefix, depth.queue),
                or_dash(depth.messages),
                depth.consumers.to_string(),
                or_dash(depth.dead),
            ]
        })
        .collect();
    table(columns, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_does_not_exist_has_no_numbers() {
        let depths = [
            Depth {
                queue: Queue::Database,
                messages: Some(1200),
                consumers: 2,
                dead: Some(0),
            },
            Depth {
                queue: Queue::Retry,
                messages: None,
                consumers: 0,
                dead: None,
            },
        ];
        insta::assert_snapshot!(text("blue-", &depths), @r"
        QUEUE          WAITING  CONSUMERS  DEAD
        blue-database     1200          2     0
        blue-retry           -          0     -
        ");
    }
}
