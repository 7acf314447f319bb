//! JWTs of the official Notify clients: HS256 with the key's secret, `iss` the service, `iat` now.
//!
//! The texts are GOV.UK's; clients show them to people.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carillon_core::id::ServiceId;
use carillon_store::api_key::ApiKey;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Validation};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::ServiceKey;
use crate::error::NotifyError;

/// Seconds by which the clocks may differ.
const SKEW_S: f64 = 30.0;
/// A real token is about 200 bytes.
const LONGEST: usize = 8_192;

/// A token whose claims are read but whose signature is not verified yet.
pub(super) struct Jwt<'a> {
    token: &'a str,
    pub service_id: ServiceId,
    claims: Value,
}

impl<'a> Jwt<'a> {
    /// Reads header and claims. Nothing in them is believed before [`Jwt::find_key`].
    pub fn read(token: &'a str) -> Result<Self, NotifyError> {
        let garbage = || NotifyError::forbidden("Invalid token: signature, api token is not valid");
        if token.len() > LONGEST {
            return Err(garbage());
        }
        let mut parts = token.split('.');
        let header = parts.next().and_then(json).ok_or_else(garbage)?;
        let claims = parts.next().and_then(json).ok_or_else(garbage)?;
        if header.get("alg").and_then(Value::as_str) != Some("HS256") {
            return Err(NotifyError::forbidden(
                "Invalid token: algorithm used is not HS256",
            ));
        }
        let service_id = match claims.get("iss") {
            None | Some(Value::Null) => {
                return Err(NotifyError::forbidden(
                    "Invalid token: iss field not provided",
                ));
            }
            Some(iss) => iss
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| {
                    NotifyError::forbidden("Invalid token: service id is not the right data type")
                })?,
        };
        Ok(Self {
            token,
            service_id,
            claims,
        })
    }

    /// The key whose secret signed it. A token without `iat` is not one of ours at all.
    pub fn find_key<'k>(
        &self,
        keys: &'k [ServiceKey],
        now: DateTime<Utc>,
    ) -> Result<&'k ApiKey, NotifyError> {
        let not_found = || NotifyError::forbidden("Invalid token: API key not found");
        let ServiceKey { key, .. } = keys
            .iter()
            .find(|key| self.is_signed_with(key))
            .ok_or_else(not_found)?;
        let now = now.timestamp_millis() as f64 / 1_000.0;
        match self.claims.get("iat") {
            None | Some(Value::Null) => return Err(not_found()),
            Some(iat) if iat.as_f64().is_some_and(|iat| (iat - now).abs() <= SKEW_S) => {}
            Some(_) => {
                return Err(NotifyError::forbidden(
                    "Error: Your system clock must be accurate to within 30 seconds",
                ));
            }
        }
        match self.claims.get("exp").and_then(Value::as_f64) {
            Some(exp) if exp < now => Err(NotifyError::forbidden(
                "Invalid token: signature has expired",
            )),
            _ => Ok(key),
        }
    }

    fn is_signed_with(&self, key: &ServiceKey) -> bool {
        jsonwebtoken::decode::<IgnoredAny>(self.token, &key.decoding, &SIGNATURE_ONLY).is_ok()
    }
}

/// The claims have texts of their own, so the library checks the signature alone.
static SIGNATURE_ONLY: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
});

fn json(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_core::api_key::KeyType;
    use carillon_core::id::ApiKeyId;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;
    use uuid::Uuid;

    fn key(secret: u128) -> ApiKey {
        ApiKey {
            id: ApiKeyId(Uuid::from_u128(secret)),
            name: "k".into(),
            key_type: KeyType::Normal,
            secret: Uuid::from_u128(secret),
            revoked_at: None,
        }
    }

    fn token(claims: &Value, secret: u128) -> String {
        let secret = Uuid::from_u128(secret).to_string();
        let key = EncodingKey::from_secret(secret.as_bytes());
        encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    fn check(token: &str) -> Result<ApiKeyId, String> {
        let keys = [key(1), key(2)].map(ServiceKey::new);
        let jwt = Jwt::read(token).map_err(|error| text(&error))?;
        jwt.find_key(&keys, carillon_core::clock::now())
            .map(|key| key.id)
            .map_err(|error| text(&error))
    }

    fn text(error: &NotifyError) -> String {
        format!("{error:?}")
            .split("message: \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .into()
    }

    fn claims(iat: &Value) -> Value {
        json!({ "iss": Uuid::from_u128(9).to_string(), "iat": iat })
    }

    #[test]
    fn a_token_names_its_key_and_may_carry_a_fractional_time() {
        let now = carillon_core::clock::now().timestamp();
        assert_eq!(
            check(&token(&claims(&json!(now)), 2)),
            Ok(ApiKeyId(Uuid::from_u128(2)))
        );
        assert!(check(&token(&claims(&json!(now as f64 + 24.5)), 1)).is_ok());
        assert!(check(&token(&claims(&json!(now - 25)), 1)).is_ok());
    }

    #[test]
    fn each_flaw_has_its_text() {
        let now = carillon_core::clock::now().timestamp();
        let clock = "Error: Your system clock must be accurate to within 30 seconds";
        assert_eq!(
            check(&token(&claims(&json!(now - 40)), 1)).unwrap_err(),
            clock
        );
        assert_eq!(
            check(&token(&claims(&json!(now + 40)), 1)).unwrap_err(),
            clock
        );
        assert_eq!(
            check(&token(&claims(&json!("soon")), 1)).unwrap_err(),
            clock
        );
        let not_found = "Invalid token: API key not found";
        assert_eq!(
            check(&token(&claims(&json!(now)), 3)).unwrap_err(),
            not_found
        );
        assert_eq!(
            check(&token(&json!({"iss": Uuid::nil()}), 1)).unwrap_err(),
            not_found
        );
        assert_eq!(
            check(&token(&json!({"iat": now}), 1)).unwrap_err(),
            "Invalid token: iss field not provided"
        );
        assert_eq!(
            check(&token(&json!({"iss": "me", "iat": now}), 1)).unwrap_err(),
            "Invalid token: service id is not the right data type"
        );
        let mut expired = claims(&json!(now));
        expired["exp"] = json!(now - 5);
        assert_eq!(
            check(&token(&expired, 1)).unwrap_err(),
            "Invalid token: signature has expired"
        );
    }

    #[test]
    fn an_unsigned_or_otherwise_signed_token_is_refused_by_its_algorithm() {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let now = carillon_core::clock::now().timestamp();
        for algorithm in ["none", "HS512", "RS256"] {
            let token = format!(
                "{}.{}.",
                part(&json!({"alg": algorithm, "typ": "JWT"})),
                part(&claims(&json!(now)))
            );
            assert_eq!(
                check(&token).unwrap_err(),
                "Invalid token: algorithm used is not HS256"
            );
        }
        for garbage in ["", "a.b.c", "x", "..", &"é.".repeat(9_000)] {
            assert_eq!(
                check(garbage).unwrap_err(),
                "Invalid token: signature, api token is not valid"
            );
        }
    }
}
