//! What operators deploy: manifests, the Compose file, the image's health check, the database's roles.

mod is_ready;
mod pgbouncer;
mod roles;
mod variables;

use std::path::{Path, PathBuf};
use std::process::Command;

use carillon_core::queue::Queue;
use carillon_test_support::{Environment, Process};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[tokio::test]
async fn the_manifests_and_the_compose_file_are_as_they_should_be() {
    let none: [(&str, &str); 0] = [];
    let variables = Process::run("carillon", none, &["config", "print", "--schema"]).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("variables");
    std::fs::write(&file, variables.unwrap()).unwrap();
    let queues: Vec<&str> = Queue::ALL.iter().map(|queue| queue.as_str()).collect();

    let output = Command::new(Environment::get().python())
        .arg(root().join("deploy/check/check.py"))
        .arg("--variables")
        .arg(&file)
        .args(["--queues", &queues.join(",")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
}
