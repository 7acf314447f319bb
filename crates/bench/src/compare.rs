//! Two builds against each other, in turns, so that what else the machine does meets both alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::numbers::{median, rounded};
use crate::scenarios::{Scenario, progress};

/// Runs of each build.
const RUNS: usize = 5;

/// Figures of some runs by name.
type Figures = BTreeMap<String, Vec<f64>>;

/// Measures both and prints medians and differences.
pub(crate) async fn run(
    scenarios: &[Scenario],
    before: &Path,
    after: &Path,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    for scenario in scenarios {
        let (mut a, mut b) = (Figures::new(), Figures::new());
        for turn in 1..=RUNS {
            // Who goes first changes, for the second finds warmer caches.
            let mut pair = [(before, &mut a), (after, &mut b)];
            if turn % 2 == 0 {
                pair.reverse();
            }
            for (binaries, figures) in pair {
                progress(&format!(
                    "{} {turn}/{RUNS}: {}",
                    scenario.name(),
                    binaries.display()
                ));
                let (scenario, seed, binaries) = (*scenario, arguments.seed, binaries.to_owned());
                let once = tokio::task::spawn_blocking(move || once(scenario, seed, &binaries));
                collect(&once.await??, scenario, figures);
            }
        }
        print(*scenario, &a, &b);
    }
    Ok(())
}

/// One run by a process of its own, which is told where the binaries are.
fn once(scenario: Scenario, seed: u64, binaries: &Path) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir()?;
    let status = Command::new(std::env::current_exe()?)
        .args([
            scenario.name(),
            "--quick",
            "--seed",
            &seed.to_string(),
            "--out",
        ])
        .arg(folder.path())
        .env("CARILLON_TEST_BIN_DIR", binaries)
        .stdout(Stdio::null())
        .status()
        .context("running a benchmark")?;
    ensure!(status.success(), "a run with {} failed", binaries.display());
    let text = std::fs::read_to_string(folder.path().join(format!("{}.json", scenario.name())))?;
    Ok(serde_json::from_str(&text)?)
}

fn collect(result: &Value, scenario: Scenario, figures: &mut Figures) {
    let mut add = |name: &str, value: &Value| {
        if let Some(value) = value.as_f64() {
            figures.entry(name.to_owned()).or_default().push(value);
        }
    };
    add(scenario.headline(), &result[scenario.headline()]);
    add(
        "cpu_us_per_message_system",
        &result["cpu_us_per_message_system"],
    );
    for (group, value) in result["cpu_us_per_message"]
        .as_object()
        .into_iter()
        .flatten()
    {
        add(&format!("cpu_us_per_message.{group}"), value);
    }
}

fn print(scenario: Scenario, a: &Figures, b: &Figures) {
    println!(
        "\n{}: medians of {RUNS} runs each, in turns",
        scenario.name()
    );
    println!("  {:<32} {:>10} {:>10} {:>8}", "", "A", "B", "change");
    for (name, before) in a {
        let before = median(before.iter().copied());
        let after = median(b.get(name).into_iter().flatten().copied());
        println!(
            "  {name:<32} {:>10} {:>10} {:>+7.1}%",
            rounded(before).to_string(),
            rounded(after).to_string(),
            (after / before - 1.0) * 100.0
        );
    }
}
