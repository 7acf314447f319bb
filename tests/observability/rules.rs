//! The alert and recording rules of Prometheus.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::queries::{check, known, labels_of};
use crate::{files, read};

/// A rule as Prometheus reads it.
pub struct Rule {
    pub file: String,
    rule: Value,
}

impl Rule {
    /// What stands at a JSON pointer; empty if nothing does.
    pub fn text(&self, path: &str) -> &str {
        self.rule
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// All of them, file by file.
pub fn rules() -> Vec<Rule> {
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

/// The alerts among them.
pub fn alerts() -> Vec<Rule> {
    let mut alerts = rules();
    alerts.retain(|rule| !rule.text("/alert").is_empty());
    alerts
}

/// `CarillonPriorityLate` → `priority-late`.
pub fn runbook_of(alert: &str) -> String {
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
    let alerts = alerts();
    for rule in &alerts {
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
