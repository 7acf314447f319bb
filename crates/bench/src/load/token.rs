//! The JWT of a request, as the official clients make it.

use anyhow::Context;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

/// Makes tokens of one service, and a new one only when the second has changed.
pub(crate) struct Tokens {
    service_id: String,
    key: EncodingKey,
    second: i64,
    text: String,
}

impl Tokens {
    /// For a service and its key's secret.
    pub fn new(service_id: &str, secret: &str) -> Self {
        Self {
            service_id: service_id.to_owned(),
            key: EncodingKey::from_secret(secret.as_bytes()),
            second: i64::MIN,
            text: String::new(),
        }
    }

    /// The token of a second; `None` when it is that of the last call.
    pub fn renewed(&mut self, second: i64) -> anyhow::Result<Option<&str>> {
        if second == self.second {
            return Ok(None);
        }
        let claims = json!({ "iss": self.service_id, "iat": second });
        self.text = encode(&Header::default(), &claims, &self.key).context("signing a token")?;
        self.second = second;
        Ok(Some(&self.text))
    }
}
