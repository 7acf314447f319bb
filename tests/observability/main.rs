//! Dashboards, alert rules and runbooks against what the processes export: a query for a metric that
//! is not there shows nothing and wakes nobody, and no one would notice.

mod exported;
mod promql;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use exported::{Kind, Metric};

/// Labels that Prometheus adds to whatever it fetches.
const OF_EVERY_SCRAPE: [&str; 2] = ["job", "instance"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder that end like this, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no {ending}");
    files
}

/// A rule as Prometheus reads it.
struct Rule {
    file: String,
    rule: Value,
}

impl Rule {
    fn text(&self, path: &str) -> &str {
        self.rule
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for path in files("deploy/prometheus/rules", ".yml") {
        let file: Value = serde_yaml_ng::from_str(&read(&path)).unwrap();
        for group in file["groups"].as_array().unwrap() {
            for rule in group["rules"].as_array().unwrap() {
                rules.push(Rule {
                    file: path.file_name().unwrap().to_string_lossy().into_owned(),
                    rule: rule.clone(),
                });
            }
        }
    }
    rules
}

fn dashboards() -> Vec<(String, Value)> {
    files("deploy/grafana/dashboards", ".json")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let content = serde_json::from_str(&read(&path));
            (
                name,
                content.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            )
        })
        .collect()
}

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
fn known() -> BTreeMap<String, Metric> {
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
fn labels_of(
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

/// The labels that are there to group by.
fn check(query: &str, known: &BTreeMap<String, Metric>) -> Result<promql::Query, String> {
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
fn the_documented_metrics_are_those_of_the_source() {
    let page = read(&root().join("docs/metrics.md"));
    let mut documented = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').collect();
        let labels: BTreeSet<String> = in_backticks(&without_brackets(cells[2]));
        for name in in_backticks(cells[1]) {
            assert!(
                documented.insert(name.clone(), labels.clone()).is_none(),
                "{name} stands there twice"
            );
        }
    }
    let exported: BTreeMap<String, BTreeSet<String>> = exported::exported(&root())
        .into_iter()
        .map(|(name, metric)| (name, metric.labels))
        .collect();
    assert_eq!(
        documented, exported,
        "docs/metrics.md (left) and the source (right)"
    );
}

fn in_backticks(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// What values a label has stands in brackets behind it.
fn without_brackets(text: &str) -> String {
    text.split('(')
        .enumerate()
        .map(|(n, part)| {
            if n == 0 {
                part
            } else {
                part.split_once(')').map_or("", |(_, rest)| rest)
            }
        })
        .collect()
}

/// `CarillonPriorityLate` → `priority-late`.
fn runbook_of(alert: &str) -> String {
    let mut name = String::new();
    for character in alert.strip_prefix("Carillon").unwrap_or(alert).chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(character.to_lowercase());
    }
    name
}

#[test]
fn every_alert_says_what_to_do() {
    let known = known();
    let mut seen = BTreeSet::new();
    let rules = rules();
    for rule in rules.iter().filter(|rule| rule.text("/record").is_empty()) {
        let (alert, severity) = (rule.text("/alert"), rule.text("/labels/severity"));
        assert!(alert.starts_with("Carillon"), "{alert}");
        assert!(
            ["critical", "warning"].contains(&severity),
            "{alert}: {severity}"
        );
        assert!(
            seen.insert((alert, severity)),
            "{alert} is there twice as {severity}"
        );
        assert_eq!(
            rule.text("/annotations/runbook_url"),
            format!("docs/runbooks/{}.md", runbook_of(alert)),
        );
        let query = check(rule.text("/expr"), &known).unwrap();
        for annotation in ["/annotations/summary", "/annotations/description"] {
            let text = rule.text(annotation);
            assert!(!text.is_empty(), "{alert} has no {annotation}");
            for label in text.split("$labels.").skip(1) {
                let label = label
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next();
                let label = label.unwrap_or_default().to_owned();
                let is_left = if query.is_aggregated || !query.grouped_by.is_empty() {
                    query.grouped_by.contains(&label)
                } else {
                    query
                        .selectors
                        .iter()
                        .any(|s| labels_of(s, &known).unwrap().contains(&label))
                };
                assert!(is_left, "{alert}: its result has no label {label}");
            }
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> = rules()
        .iter()
        .filter(|rule| rule.text("/record").is_empty())
        .map(|rule| runbook_of(rule.text("/alert")))
        .collect();
    let index = read(&root().join("docs/runbooks/README.md"));
    let runbooks: BTreeSet<String> = files("docs/runbooks", ".md")
        .into_iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(alerts, runbooks, "alerts (left) and docs/runbooks (right)");
    for name in runbooks {
        let text = read(&root().join(format!("docs/runbooks/{name}.md")));
        let mut rest = text.as_str();
        for section in ["# ", "## Means", "## Look", "## Mend", "## Escalate"] {
            let at = rest.find(&format!("{section}"));
            let at = at.unwrap_or_else(|| panic!("{name}.md has no {section:?} in its place"));
            rest = &rest[at + section.len()..];
        }
        assert!(
            index.contains(&format!("({name}.md)")),
            "the index lacks {name}"
        );
    }
}

#[test]
fn links_of_the_operators_pages_lead_somewhere() {
    let mut pages = files("docs/runbooks", ".md");
    pages.push(root().join("docs/operations.md"));
    for page in pages {
        let text = read(&page);
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
            if !anchor.is_empty() {
                let there = read(&target)
                    .lines()
                    .any(|line| line.starts_with('#') && anchor_of(line) == anchor);
                assert!(there, "{}: {link} has no such heading", page.display());
            }
        }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor_of(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn dashboards_can_be_loaded_together() {
    let mut uids = BTreeSet::new();
    for (name, content) in dashboards() {
        let uid = content["uid"].as_str().unwrap_or_default();
        assert_eq!(uid, format!("carillon-{name}"));
        assert!(uids.insert(uid.to_owned()), "{uid} is there twice");
        let mut ids = BTreeSet::new();
        for panel in content["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {panel}");
            let place = &panel["gridPos"];
            let right = place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap();
            assert!(right <= 24, "{name}: {} is too wide", panel["title"]);
            if panel["type"] != "row" && panel["type"] != "text" {
                assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}");
                assert!(
                    !panel["targets"].as_array().unwrap().is_empty(),
                    "{name}: {}",
                    panel["title"]
                );
            }
        }
    }
}

#[test]
fn dashboards_are_as_their_script_writes_them() {
    let python = std::env::var("CARILLON_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .arg(root().join("deploy/grafana/dashboards.py"))
        .arg("--check")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}run deploy/grafana/dashboards.py"
    );
}

#[test]
fn promtool_agrees_where_it_is_installed() {
    let promtool =
        std::env::var("CARILLON_TEST_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    if Command::new(&promtool).arg("--version").output().is_err() {
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
        let output = Command::new(&promtool)
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
