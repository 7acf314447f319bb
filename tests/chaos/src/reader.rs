//! Reads what the API shows, as the services would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use crate::history::Row;
use crate::tenants::Tenant;

/// How often the newest messages are looked at while the run goes on.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// A client that only reads.
pub struct Reader {
    http: reqwest::Client,
    apis: Vec<String>,
    tenants: Arc<Vec<Tenant>>,
}

impl Reader {
    /// Of every process of the API.
    pub fn new(http: reqwest::Client, apis: Vec<String>, tenants: Arc<Vec<Tenant>>) -> Self {
        Self {
            http,
            apis,
            tenants,
        }
    }

    async fn get(&self, api: usize, tenant: usize, path: &str) -> anyhow::Result<(u16, String)> {
        let answer = self
            .http
            .get(format!("{}{path}", self.apis[api % self.apis.len()]))
            .header(AUTHORIZATION, &self.tenants[tenant].auth)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn page(&self, api: usize, tenant: usize, query: &str) -> anyhow::Result<Vec<Row>> {
        let path = format!("/v2/notifications?include_jobs=true{query}");
        let (status, text) = self.get(api, tenant, &path).await?;
        ensure!(status == 200, "GET {path}: {status} {text}");
        let mut page: Value = serde_json::from_str(&text)?;
        let Value::Array(notifications) = page["notifications"].take() else {
            anyhow::bail!("no notifications in {text}");
        };
        notifications
            .into_iter()
            .map(|notification| row(tenant, &notification))
            .collect()
    }

    /// Looks at the newest messages of every service again and again, one page after the other;
    /// each status of a message is noted in the order in which it was read. Ends when it is dropped.
    pub async fn watch(&self, observed: &mut BTreeMap<String, Vec<String>>) {
        for turn in 0.. {
            for tenant in 0..self.tenants.len() {
                // An API that was killed, or waits for PostgreSQL, shows nothing: never mind.
                for row in self.page(turn, tenant, "").await.unwrap_or_default() {
                    let statuses = observed.entry(row.id).or_default();
                    if statuses.last() != Some(&row.status) {
                        statuses.push(row.status);
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether any message has not come to its end yet.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn has_open(&self) -> anyhow::Result<bool> {
        const OPEN: &str = "&status=created&status=sending&status=pending";
        for tenant in 0..self.tenants.len() {
            if !self.page(0, tenant, OPEN).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every message of every service, page by page.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn all(&self) -> anyhow::Result<Vec<Row>> {
        let mut rows: Vec<Row> = Vec::new();
        for tenant in 0..self.tenants.len() {
            let mut query = String::new();
            loop {
                let page = self.page(rows.len(), tenant, &query).await?;
                let Some(last) = page.last() else {
                    break;
                };
                query = format!("&older_than={}", last.id);
                rows.extend(page);
            }
        }
        Ok(rows)
    }

    /// Whether a service reads a message by its id.
    ///
    /// # Errors
    /// When the API says neither yes nor no.
    pub async fn shows(&self, tenant: usize, id: &str) -> anyhow::Result<bool> {
        let (status, text) = self
            .get(0, tenant, &format!("/v2/notifications/{id}"))
            .await?;
        ensure!(matches!(status, 200 | 404), "GET of {id}: {status} {text}");
        Ok(status == 200)
    }
}

fn row(tenant: usize, notification: &Value) -> anyhow::Result<Row> {
    let field = |name: &str| {
        let value = notification[name].as_str();
        value
            .map(ToOwned::to_owned)
            .with_context(|| format!("no {name} in {notification}"))
    };
    Ok(Row {
        tenant,
        id: field("id")?,
        reference: field("reference").unwrap_or_default(),
        status: field("status")?,
        text: notification.to_string(),
    })
}
