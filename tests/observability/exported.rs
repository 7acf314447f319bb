//! The metrics that the processes export, read from the source that records them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric of the source.
#[derive(Debug, Clone)]
pub struct Metric {
    pub kind: Kind,
    pub labels: BTreeSet<String>,
}

/// What records metrics and runs in no installation.
const NOT_SHIPPED: [&str; 3] = ["bench", "sandbox", "test-support"];

/// Every metric by its name, with the labels of all places that record it.
pub fn exported(root: &Path) -> BTreeMap<String, Metric> {
    let mut metrics = BTreeMap::new();
    for file in sources(root) {
        let text = std::fs::read_to_string(&file).unwrap();
        // Tests stand at the end of a file and record what they like.
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for (name, kind, labels) in recorded(text, &file) {
            let metric = metrics.entry(name.clone()).or_insert_with(|| Metric {
                kind,
                labels: BTreeSet::new(),
            });
            assert_eq!(metric.kind, kind, "{name} is of two kinds");
            metric.labels.extend(labels);
        }
    }
    metrics
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let krate = entry.unwrap().path();
        let name = krate.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| !NOT_SHIPPED.contains(&name)) {
            collect(&krate.join("src"), &mut files);
        }
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
        {
            files.push(path);
        }
    }
}

/// Name, kind and labels of each use of a metrics macro.
fn recorded(text: &str, file: &Path) -> Vec<(String, Kind, BTreeSet<String>)> {
    let macros = [
        ("counter!(", Kind::Counter),
        ("gauge!(", Kind::Gauge),
        ("histogram!(", Kind::Histogram),
    ];
    let mut found = Vec::new();
    for (call, kind) in macros {
        for (at, _) in text.match_indices(call) {
            let arguments = within_brackets(&text[at + call.len()..]);
            let first = arguments.split(',').next().unwrap_or_default().trim();
            let name = quoted(first)
                .or_else(|| constant(text, first))
                .unwrap_or_else(|| {
                    panic!("{}: the metric {first} has no name to read", file.display())
                });
            let labels = arguments
                .match_indices("=>")
                .filter_map(|(arrow, _)| {
                    let before = arguments[..arrow].trim_end();
                    before.strip_suffix('"')?.rsplit('"').next()
                })
                .map(str::to_owned)
                .collect();
            found.push((name.to_owned(), kind, labels));
        }
    }
    found
}

/// Up to the bracket that closes the one before `text`.
fn within_brackets(text: &str) -> &str {
    let mut depth = 1;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    panic!("a bracket is not closed: {text}")
}

fn quoted(argument: &str) -> Option<&str> {
    argument.strip_prefix('"')?.strip_suffix('"')
}

fn constant<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = text.split_once(&format!("const {name}: &str = \""))?;
    value.split('"').next()
}

#[test]
fn the_documented_metrics_are_those_of_the_source() {
    let page = crate::read(&crate::root().join("docs/metrics.md"));
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
    let exported: BTreeMap<String, BTreeSet<String>> = exported(&crate::root())
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
