//! Checks of the source tree: the rules that nobody should have to remember.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use carillon_core::reason::{QuarantineReason, Reason};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Package → names of its normal dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter();
            (
                name(package),
                normal.filter(|d| d["kind"].is_null()).map(name).collect(),
            )
        })
        .collect()
}

#[test]
fn each_side_effect_has_one_crate() {
    let rules: [(&str, &[&str]); 12] = [
        // The benchmarks measure floors past the product and are not shipped.
        ("lapin", &["carillon-amqp", "carillon-bench"]),
        (
            "diesel",
            &["carillon-core", "carillon-schema", "carillon-store"],
        ),
        ("diesel-async", &["carillon-store"]),
        (
            "tokio-postgres",
            &["carillon-store", "carillon-test-support", "carillon-bench"],
        ),
        (
            "reqwest",
            &[
                "carillon-providers",
                "carillon-sandbox",
                "carillon-test-support",
                // Its client and its reader stand outside of the product.
                "carillon-chaos",
            ],
        ),
        ("aws-config", &["carillon-objects", "carillon-providers"]),
        ("aws-sdk-sesv2", &["carillon-providers"]),
        ("aws-sdk-sns", &["carillon-providers"]),
        ("lettre", &["carillon-providers"]),
        ("hickory-resolver", &["carillon-providers"]),
        ("object_store", &["carillon-objects"]),
        ("opentelemetry", &["carillon-trace"]),
    ];
    for (package, dependencies) in dependencies() {
        for (library, allowed) in rules {
            assert!(
                !dependencies.contains(library) || allowed.contains(&package.as_str()),
                "{package} may not depend on {library}; only {allowed:?} may"
            );
        }
    }
}

#[test]
fn core_is_pure_and_the_crates_of_side_effects_do_not_know_each_other() {
    let dependencies = dependencies();
    for banned in [
        "tokio",
        "actix-web",
        "reqwest",
        "lapin",
        "carillon-store",
        "carillon-amqp",
    ] {
        assert!(
            !dependencies["carillon-core"].contains(banned),
            "core depends on {banned}"
        );
    }
    let apart = [
        "carillon-store",
        "carillon-amqp",
        "carillon-objects",
        "carillon-providers",
        "carillon-render",
    ];
    for one in apart {
        for other in apart {
            assert!(
                !dependencies[one].contains(other),
                "{one} depends on {other}"
            );
        }
        assert!(
            !dependencies[one].contains("carillon-runtime"),
            "{one} depends on the runtime"
        );
    }
}

#[test]
fn no_binary_depends_on_another() {
    let binaries = [
        "api",
        "worker",
        "poller",
        "escalator",
        "aggregator",
        "sandbox",
        "cli",
    ];
    let dependencies = dependencies();
    for one in binaries {
        for other in binaries {
            let (one, other) = (format!("carillon-{one}"), format!("carillon-{other}"));
            assert!(
                !dependencies[&one].contains(&other),
                "{one} depends on {other}"
            );
        }
    }
}

#[test]
fn every_task_has_one_handler_of_the_same_file_name() {
    for name in carillon_core::task::NAMES {
        let file = format!("{}.rs", name.replace('-', "_"));
        let payload = root().join("crates/core/src/task").join(&file);
        assert!(payload.exists(), "{}", payload.display());
        let handler = root().join("crates/worker/src/tasks").join(&file);
        assert!(
            handler.exists(),
            "{} has no handler {}",
            name,
            handler.display()
        );
    }
}

#[test]
fn every_reason_code_is_documented_and_no_other() {
    let page = std::fs::read_to_string(root().join("docs/reasons.md")).unwrap();
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let codes: BTreeSet<&str> = Reason::ALL
        .iter()
        .map(|reason| reason.as_str())
        .chain(QuarantineReason::ALL.iter().map(|reason| reason.as_str()))
        .collect();
    assert_eq!(documented, codes);
}

#[test]
fn file_names_say_something() {
    let mut files = Vec::new();
    walk(&root().join("crates"), &mut files);
    walk(&root().join("tests"), &mut files);
    for file in files {
        let stem = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let vague = [
            "util", "utils", "helper", "helpers", "common", "misc", "manager", "types",
        ];
        assert!(!vague.contains(&stem), "{}", file.display());
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_migration_can_be_undone() {
    for entry in std::fs::read_dir(root().join("migrations")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for file in ["up.sql", "down.sql"] {
                let text = std::fs::read_to_string(path.join(file)).unwrap_or_default();
                assert!(!text.trim().is_empty(), "{} lacks {file}", path.display());
            }
        }
    }
}
