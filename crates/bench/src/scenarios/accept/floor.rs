//! The floor's process: started, measured, gone with its queue.

use std::time::Duration;

use anyhow::anyhow;
use carillon_test_support::{Process, amqp_url, eventually, free_port, prefix};

use super::phase::{self, Phase};
use crate::arguments::Arguments;
use crate::broker;
use crate::installation::local;
use crate::load::{Target, get};
use crate::scenarios::servers;
use crate::usage::Group;

const READY_WITHIN: Duration = Duration::from_secs(20);
const NO_ENV: [(&str, &str); 0] = [];

/// Measures the bare handler with the service and the key of `like`.
pub(super) async fn run(like: &Target, arguments: &Arguments) -> anyhow::Result<Phase> {
    let (port, queue, amqp) = (free_port(), format!("{}floor", prefix()), amqp_url());
    let target = Target {
        address: local(port),
        ..like.clone()
    };
    let port = port.to_string();
    let args = [
        ["--port", &port],
        ["--amqp", &amqp],
        ["--queue", &queue],
        ["--service-id", &target.service_id],
        ["--secret", &target.secret],
    ];
    let args = [&["floor-accept"], args.as_flattened()].concat();
    let mut process = Process::start("carillon-bench", NO_ENV, &args);
    let ready = eventually("the floor is ready", READY_WITHIN, async || {
        if !process.is_running() {
            return Some(Err(process.logs()));
        }
        let (status, _) = get(target.address, "/readyz").await.ok()?;
        (status == 200).then_some(Ok(()))
    });
    ready
        .await
        .map_err(|logs| anyhow!("the floor ended: {logs}"))?;
    let mut groups = servers(arguments);
    groups.add("floor", Group::Process(process.id()));
    let phase = phase::with_empty_queue(&target, &queue, &groups, arguments.seed).await?;
    drop(process);
    broker::delete(&amqp, &[queue]).await?;
    Ok(phase)
}
