//! The demo service: what it has, and notifications that it sends.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::Stack;

impl Stack {
    pub(super) async fn seed(&mut self) {
        let printed = self.carillon(&["service", "demo", "--format", "env"]).await;
        self.demo = exports(&printed);
        for name in [
            "SERVICE_ID",
            "API_KEY",
            "EMAIL_TEMPLATE_ID",
            "SMS_TEMPLATE_ID",
        ] {
            assert!(
                self.demo.contains_key(name),
                "carillon service demo printed no {name}"
            );
        }
    }

    /// What `carillon service demo` exported: `SERVICE_ID`, `API_KEY`, `API_KEY_TEAM`,
    /// `API_KEY_TEST`, `EMAIL_TEMPLATE_ID`, `SMS_TEMPLATE_ID`, …
    ///
    /// # Panics
    /// When it exported no such name.
    #[must_use]
    pub fn demo(&self, name: &str) -> &str {
        self.demo
            .get(name)
            .unwrap_or_else(|| panic!("carillon service demo printed no {name}"))
    }

    /// The `Authorization` of the demo service's live key.
    #[must_use]
    pub fn key(&self) -> String {
        format!("ApiKey-v1 {}", self.demo("API_KEY"))
    }

    /// Sends the demo e-mail and returns the notification's id.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn send_email(&self, to: &str, name: &str) -> String {
        self.try_send_email(to, name)
            .await
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Sends the demo SMS and returns the notification's id.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn send_sms(&self, to: &str, name: &str) -> String {
        self.try_send_sms(to, name)
            .await
            .unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Sends the demo e-mail.
    ///
    /// # Errors
    /// When it is not accepted: whether it was is then unknown.
    pub async fn try_send_email(&self, to: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({
            "email_address": to,
            "template_id": self.demo("EMAIL_TEMPLATE_ID"),
            "personalisation": { "name": name },
        });
        self.send("/email", &body).await
    }

    /// Sends the demo SMS.
    ///
    /// # Errors
    /// When it is not accepted: whether it was is then unknown.
    pub async fn try_send_sms(&self, to: &str, name: &str) -> anyhow::Result<String> {
        let body = json!({
            "phone_number": to,
            "template_id": self.demo("SMS_TEMPLATE_ID"),
            "personalisation": { "name": name },
        });
        self.send("/sms", &body).await
    }

    async fn send(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let (status, answer) = self
            .request(Method::POST, path, &self.key(), Some(body))
            .await?;
        ensure!(status == 201, "POST {path}: {status} {answer}");
        Ok(answer["id"]
            .as_str()
            .with_context(|| format!("no id in {answer}"))?
            .to_owned())
    }
}

/// Reads `export NAME='value'` lines.
fn exports(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| {
            let bare = value.trim().trim_matches(['\'', '"']);
            (name.to_owned(), bare.replace("'\\''", "'"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_as_a_shell_reads_them() {
        let read = exports("# demo\nexport A='x=1'\nexport B=plain\nexport C=\"q\"\n");
        let expected = [("A", "x=1"), ("B", "plain"), ("C", "q")];
        assert_eq!(
            read,
            expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into()
        );
    }
}
