//! Talking to the API.

use reqwest::Method;
use serde_json::Value;

use super::{SETTLES_WITHIN, Stack};
use crate::eventually;

impl Stack {
    /// The `Authorization` of the administrator.
    #[must_use]
    pub fn admin(&self) -> String {
        format!("Bearer {}", self.admin_token)
    }

    /// Calls the API; an answer that is not JSON is `null`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        auth: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}{path}", self.api_url);
        let mut request = self
            .client
            .request(method, url)
            .header("Authorization", auth);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }

    /// POSTs to the API.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, auth: &str, body: &Value) -> (u16, Value) {
        let answer = self.request(Method::POST, path, auth, Some(body)).await;
        answer.unwrap_or_else(|error| panic!("POST {path}: {error:?}"))
    }

    /// GETs from the API.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str, auth: &str) -> (u16, Value) {
        let answer = self.request(Method::GET, path, auth, None).await;
        answer.unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    /// A notification as its service reads it.
    ///
    /// # Panics
    /// When the API does not show it.
    pub async fn notification(&self, id: &str) -> Value {
        let (status, answer) = self
            .get(&format!("/v2/notifications/{id}"), &self.key())
            .await;
        assert_eq!(status, 200, "notification {id}: {answer}");
        answer
    }

    /// Waits until a notification has a status, and returns it.
    ///
    /// # Panics
    /// When it does not come to have it.
    pub async fn until_status(&self, id: &str, status: &str) -> Value {
        let what = format!("notification {id} is {status}");
        eventually(&what, SETTLES_WITHIN, async || {
            let notification = self.notification(id).await;
            (notification["status"] == status).then_some(notification)
        })
        .await
    }

    /// A notification's timeline: each entry's event and reason.
    ///
    /// # Panics
    /// When the API does not show it.
    pub async fn timeline(&self, id: &str) -> Vec<(String, Option<String>)> {
        let path = format!("/api/notifications/{id}/timeline");
        let (status, answer) = self.get(&path, &self.admin()).await;
        assert_eq!(status, 200, "timeline of {id}: {answer}");
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let events = answer["events"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        events
            .iter()
            .map(|event| {
                (
                    text(&event["event"]).unwrap_or_default(),
                    text(&event["reason"]),
                )
            })
            .collect()
    }
}
