//! The runbooks: one for each alert, and what they tell an operator to type is there to be typed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use carillon_test_support::{Environment, TestDatabase};

use crate::rules::{alerts, runbook_of};
use crate::{files, read, root};

/// What an operator reads at night.
fn pages() -> Vec<PathBuf> {
    let mut pages = files("docs/runbooks", ".md");
    pages.push(root().join("docs/operations.md"));
    pages
}

/// The contents of a page's blocks in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    // Blocks in lists are indented.
    page.split(&format!("```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeMap<String, String> = alerts()
        .iter()
        .map(|rule| rule.text("/alert").to_owned())
        .map(|alert| (runbook_of(&alert), alert))
        .collect();
    let index = read(&root().join("docs/runbooks/README.md"));
    let runbooks: BTreeSet<String> = files("docs/runbooks", ".md")
        .into_iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    let with_alert: BTreeSet<String> = alerts.keys().cloned().collect();
    assert_eq!(with_alert, runbooks, "alerts (left) and docs/runbooks");
    for (name, alert) in alerts {
        let text = read(&root().join(format!("docs/runbooks/{name}.md")));
        let sections: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("# ") || line.starts_with("## "))
            .collect();
        let wanted = [
            &format!("# {alert}"),
            "## Means",
            "## Users notice",
            "## Look",
            "## Mend",
            "## Escalate",
        ];
        assert_eq!(sections, wanted, "{name}.md");
        let line = format!("| [{alert}]({name}.md) |");
        assert!(index.contains(&line), "README.md has no {line}");
    }
}

#[test]
fn commands_of_the_pages_are_commands() {
    const ID: &str = "0198c6a2-1111-7000-8000-000000000001";
    let mut commands = BTreeSet::new();
    for page in pages() {
        for block in blocks(&read(&page), "console") {
            for line in block.lines() {
                let Some(line) = line.trim_start().strip_prefix("$ carillon ") else {
                    continue;
                };
                let line = line.split(" #").next().unwrap_or_default();
                let line = line.split(" | ").next().unwrap_or_default().trim();
                commands.insert(line.to_owned());
            }
        }
    }
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let arguments = words(&command).into_iter().map(|word| match word.as_str() {
            "ID" | "SERVICE_ID" | "CALLBACK_ID" => ID.to_owned(),
            "NAME" => "relay".to_owned(),
            _ => word,
        });
        // Without any setting, a command that is one ends because of that.
        let output = Command::new(Environment::get().bin_dir().join("carillon"))
            .args(arguments)
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_ne!(output.status.code(), Some(2), "carillon {command}: {said}");
    }
}

/// As a shell separates them.
fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(n, part)| {
            if n % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

#[tokio::test]
async fn statements_of_the_runbooks_run() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    for page in files("docs/runbooks", ".md") {
        for block in blocks(&read(&page), "sql") {
            let id = "'00000000-0000-7000-8000-000000000000'";
            let statements = format!("BEGIN;{};ROLLBACK", block.replace("'ID'", id));
            let done = client.batch_execute(&statements).await;
            done.unwrap_or_else(|error| panic!("{}: {error:?}\n{block}", page.display()));
        }
    }
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    for page in pages() {
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
            let has_heading = || {
                let text = read(&target);
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                headings.any(|heading| anchor_of(heading) == anchor)
            };
            assert!(
                anchor.is_empty() || has_heading(),
                "{}: {link} has no such heading",
                page.display()
            );
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
