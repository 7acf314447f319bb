//! The same with the day's tables full: whether the cost of a message grows with the rows.

use serde_json::{Value, json};

use super::burst::{self, Burst, counts, middle, rate};
use super::{MESSAGES, Ready, fill};
use crate::arguments::Arguments;
use crate::numbers::{median, rounded};
use crate::scenarios::progress;

/// Measures with `n_rows` in the tables by the end of the first run.
pub(super) async fn run(
    empty: &[Burst],
    n_rows: u64,
    arguments: &Arguments,
) -> anyhow::Result<Value> {
    let ready = Ready::start(arguments).await?;
    let n_before = n_rows.saturating_sub(MESSAGES);
    progress(&format!(
        "pipeline: filling the day's tables with {n_before} delivered messages"
    ));
    fill::run(&ready.installation, &ready.database, n_before).await?;
    let mut full = Vec::new();
    for round in 1..=empty.len() {
        let burst = burst::run(&ready, MESSAGES, arguments.seed).await?;
        progress(&format!(
            "pipeline full {round}: {:.0} per second",
            burst.per_second
        ));
        full.push(burst);
    }
    let system = |bursts: &[Burst]| median(bursts.iter().map(|burst| burst.system_us));
    let (lost, duplicated) = counts(&full);
    Ok(json!({
        "rows": n_rows,
        "per_second": rounded(rate(&full)),
        "cpu_us_per_message": middle(&full).map(|burst| burst.cpu.clone()),
        "cpu_us_per_message_system": rounded(system(&full)),
        "cpu_us_per_message_system_empty": rounded(system(empty)),
        "cpu_ratio_to_empty": rounded(system(&full) / system(empty)),
        "lost": lost,
        "duplicated": duplicated,
    }))
}
