//! The floor of `pipeline`: what PostgreSQL and RabbitMQ need at least for the same rows and bytes,
//! both at the same time.

mod database;
mod hop;

use std::time::Instant;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::arguments::FloorPipeline;

/// How long each part took, both running together.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Floor {
    /// The rows.
    pub database_s: f64,
    /// The messages.
    pub broker_s: f64,
}

impl Floor {
    /// Messages in a second: the slower part decides.
    pub fn per_second(&self, n_messages: u64) -> f64 {
        n_messages as f64 / self.database_s.max(self.broker_s)
    }
}

/// Measures it and prints it as JSON.
pub(crate) fn run(options: &FloorPipeline) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let floor = runtime
        .context("starting the runtime")?
        .block_on(measure(options))?;
    println!("{}", serde_json::to_string(&floor)?);
    Ok(())
}

async fn measure(options: &FloorPipeline) -> anyhow::Result<Floor> {
    let rows = database::prepare(&options.database, options.messages).await?;
    let messages = hop::prepare(&options.amqp, &options.queue, options.messages).await?;
    let began = Instant::now();
    let timed = async |part: std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>| {
        part.await.map(|()| began.elapsed().as_secs_f64())
    };
    let (database_s, broker_s) =
        tokio::try_join!(timed(Box::pin(rows.run())), timed(Box::pin(messages.run())))?;
    Ok(Floor {
        database_s,
        broker_s,
    })
}
