//! The command line without any process running.

use std::fs;
use std::path::Path;

use carillon_test_support::{Process, TestDatabase};
use serde_json::Value;

use super::SECRET;

/// What is sealed with it in one story is read by no other.
const ENCRYPTION_KEY: &str = "cHJvdmlkZXJzLW9mLXN0b3JpZXMtMzItYnl0ZXMhISE=";

/// The command line on a database of its own with two sandboxes, without any process running.
pub struct Shell {
    /// What the command is given as its environment.
    pub env: Vec<(&'static str, String)>,
}

impl Shell {
    /// On a fresh database.
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        let shell = Self {
            env: vec![
                ("DATABASE_URL", database.url.clone()),
                (
                    "CARILLON__SECURITY__ENCRYPTION_KEY",
                    ENCRYPTION_KEY.to_owned(),
                ),
                // Where nobody listens.
                ("CARILLON__SANDBOX__URL", "http://127.0.0.1:9".to_owned()),
            ],
        };
        for channel in ["email", "sms"] {
            let add = format!("add sandbox sandbox-{channel} --channel {channel}");
            let said = shell.provider(&add).await.unwrap();
            assert!(
                said.contains(&format!("added provider \"sandbox-{channel}\"")),
                "{said}"
            );
        }
        shell
    }

    /// What `carillon provider …` prints, or why it fails.
    pub async fn provider(&self, line: &str) -> Result<String, String> {
        let line: Vec<&str> = ["provider"].into_iter().chain(line.split(' ')).collect();
        let done = Process::run("carillon", self.env.clone(), &line).await;
        let (Ok(printed) | Err(printed)) = &done;
        assert!(
            !printed.contains(SECRET),
            "{line:?} shows the secret: {printed}"
        );
        done
    }

    /// Sets a variable of its environment.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.env.retain(|(other, _)| *other != name);
        self.env.push((name, value.to_owned()));
    }

    /// Every provider's name, and whether it is active.
    pub async fn names(&self) -> Vec<(String, bool)> {
        let printed = self.provider("list --format json").await.unwrap();
        let listed: Value = serde_json::from_str(&printed).unwrap();
        let providers = listed["providers"].as_array().unwrap();
        providers
            .iter()
            .map(|p| (p["name"].as_str().unwrap().to_owned(), p["active"] == true))
            .collect()
    }
}

/// Why a command was refused, with this exit code.
pub fn refused(result: Result<String, String>, code: i32) -> String {
    let text = result.expect_err("a refusal");
    assert!(text.starts_with(&format!("exit status: {code}:")), "{text}");
    text
}

/// The path of a file with this text.
pub fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}
