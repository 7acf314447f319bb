//! Asking and controlling the stand-in provider.

use anyhow::bail;
use reqwest::Method;
use serde_json::Value;

use super::Stack;

impl Stack {
    /// Calls that the sandbox got, of any outcome, oldest first; at most the newest 100,000.
    ///
    /// # Panics
    /// When the sandbox does not answer.
    pub async fn sandbox_calls(&self) -> Vec<Value> {
        match self
            .ask_sandbox(Method::GET, "/calls?limit=100000", None)
            .await
        {
            Ok(mut answer) => match answer["calls"].take() {
                Value::Array(calls) => calls,
                other => panic!("the sandbox's calls: {other}"),
            },
            Err(error) => panic!("the sandbox's calls: {error:?}"),
        }
    }

    /// The sandbox's counts.
    ///
    /// # Panics
    /// When the sandbox does not answer.
    pub async fn sandbox_stats(&self) -> Value {
        let stats = self.ask_sandbox(Method::GET, "/stats", None).await;
        stats.unwrap_or_else(|error| panic!("the sandbox's stats: {error:?}"))
    }

    /// Changes how the sandbox behaves, such as `{"fail_all": true}`.
    ///
    /// # Panics
    /// When the sandbox refuses it.
    pub async fn control_sandbox(&self, change: &Value) {
        let changed = self
            .ask_sandbox(Method::POST, "/control", Some(change))
            .await;
        changed.unwrap_or_else(|error| panic!("control of the sandbox: {error:?}"));
    }

    async fn ask_sandbox(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.sandbox_url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{status} {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }
}
