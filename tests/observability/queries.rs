//! Every query of the rules and the dashboards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::dashboards::dashboards;
use crate::exported::{self, Kind, Metric};
use crate::rules::rules;
use crate::{files, promql, root};

/// Labels that Prometheus adds to whatever it fetches.
const OF_EVERY_SCRAPE: [&str; 2] = ["job", "instance"];

/// Every query with the place where it stands.
fn queries() -> Vec<(String, String)> {
    let mut queries: Vec<_> = rules()
        .iter()
        .map(|rule| {
            let name = [rule.text("/alert"), rule.text("/record")].concat();
            (
                format!("{}: {name}", rule.file),
                rule.text("/expr").to_owned(),
            )
        })
        .collect();
    for (dashboard, content) in dashboards() {
        for panel in content["panels"].as_array().unwrap() {
            let targets = panel["targets"].as_array().into_iter().flatten();
            for target in targets {
                let place = format!("{dashboard}: {}", panel["title"]);
                let query = target["expr"].as_str().unwrap_or_default();
                queries.push((place, query.replace("$__rate_interval", "1m")));
            }
        }
    }
    queries
}

/// What may be asked for: what the processes export, what Prometheus knows of each of them, and what
/// the rules record.
pub fn known() -> BTreeMap<String, Metric> {
    let mut known = exported::exported(&root());
    let gauge = || Metric {
        kind: Kind::Gauge,
        labels: BTreeSet::new(),
    };
    known.insert("up".to_owned(), gauge());
    for rule in rules() {
        if !rule.text("/record").is_empty() {
            known.insert(rule.text("/record").to_owned(), gauge());
        }
    }
    known
}

/// The labels of what a query asks for, or why it may not ask for that.
pub fn labels_of(
    selector: &promql::Selector,
    known: &BTreeMap<String, Metric>,
) -> Result<BTreeSet<String>, String> {
    let name = selector.metric.as_str();
    let part = ["_bucket", "_sum", "_count"].into_iter().find_map(|part| {
        let metric = known.get(name.strip_suffix(part)?)?;
        (metric.kind == Kind::Histogram).then_some((part, metric))
    });
    let (metric, is_counted) = match (part, known.get(name)) {
        (Some((_, metric)), _) => (metric, true),
        (None, Some(metric)) if metric.kind == Kind::Histogram => {
            return Err(format!("{name} is a histogram: ask for {name}_bucket"));
        }
        (None, Some(metric)) => (metric, metric.kind == Kind::Counter),
        (None, None) => return Err(format!("nobody exports {name}")),
    };
    let is_bucket = part.is_some_and(|(part, _)| part == "_bucket");
    match selector.wants {
        Some(Kind::Histogram) if !is_bucket => return Err(format!("{name} has no buckets")),
        Some(Kind::Counter) if !is_counted => return Err(format!("{name} is no counter")),
        _ => {}
    }
    let mut labels = metric.labels.clone();
    labels.extend(OF_EVERY_SCRAPE.map(str::to_owned));
    if is_bucket {
        labels.insert("le".to_owned());
    }
    match selector
        .labels
        .iter()
        .find(|label| !labels.contains(*label))
    {
        Some(label) => Err(format!("{name} has no label {label}")),
        None => Ok(labels),
    }
}

/// What a query names, if all of that is there to be asked for and grouped by.
pub fn check(query: &str, known: &BTreeMap<String, Metric>) -> Result<promql::Query, String> {
    let read = promql::read(query)?;
    let mut labels = BTreeSet::new();
    for selector in &read.selectors {
        labels.extend(labels_of(selector, known)?);
    }
    match read.grouped_by.difference(&labels).next() {
        Some(label) => Err(format!("nothing in it has the label {label}")),
        None => Ok(read),
    }
}

#[test]
fn every_query_names_what_the_processes_export() {
    let known = known();
    let mut wrong = Vec::new();
    for (place, query) in queries() {
        if let Err(why) = check(&query, &known) {
            wrong.push(format!("{place}: {why}\n    {query}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_exported_is_noticed() {
    let known = known();
    for (query, why) in [
        ("carillon_acepted_total", "nobody exports"),
        (
            "rate(carillon_accepted_total{queue='database'}[5m])",
            "no label queue",
        ),
        ("sum by (lane) (carillon_on_its_way)", "has the label lane"),
        ("rate(carillon_on_its_way[5m])", "no counter"),
        ("carillon_confirm_seconds", "is a histogram"),
        (
            "histogram_quantile(0.9, rate(carillon_confirm_seconds_sum[5m]))",
            "no buckets",
        ),
        ("sum(carillon_on_its_way", "ends too early"),
    ] {
        let refused = check(query, &known).unwrap_err();
        assert!(refused.contains(why), "{query}: {refused}");
    }
}

#[test]
fn promtool_agrees_where_it_is_installed() {
    // Debian's package `prometheus` has it; ./dev test fetches it where it runs in CI.
    let promtool = "promtool";
    if Command::new(promtool).arg("--version").output().is_err() {
        eprintln!("skipped: there is no {promtool}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let of_dashboards = folder.path().join("dashboards.yml");
    // JSON is YAML, and a recording rule is the smallest thing that promtool reads a query in.
    let recorded: Vec<Value> = queries()
        .into_iter()
        .enumerate()
        .map(|(n, (_, query))| serde_json::json!({"record": format!("query:{n}"), "expr": query}))
        .collect();
    let file = serde_json::json!({"groups": [{"name": "dashboards", "rules": recorded}]});
    std::fs::write(&of_dashboards, file.to_string()).unwrap();

    let prometheus = root().join("deploy/prometheus");
    let run = |arguments: &[&str], paths: &[PathBuf]| {
        let output = Command::new(promtool)
            .args(arguments)
            .args(paths)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&said)
        );
    };
    run(&["check", "rules"], &[of_dashboards]);
    run(&["check", "config"], &[prometheus.join("prometheus.yml")]);
    run(
        &["test", "rules"],
        &files("deploy/prometheus/tests", ".yml"),
    );
}
