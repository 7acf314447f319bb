//! The dashboards of Grafana.

use std::collections::BTreeSet;
use std::process::Command;

use carillon_test_support::Environment;
use serde_json::Value;

use crate::{files, read, root};

/// Name and content of each.
pub fn dashboards() -> Vec<(String, Value)> {
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
    let output = Command::new(Environment::get().python())
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
