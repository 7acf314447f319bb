//! The two schemes: `Bearer <JWT>` and `ApiKey-v1 <full key>`, matched whatever their case.

use carillon_core::api_key::FullKey;
use carillon_core::id::ServiceId;
use carillon_store::api_key::ApiKey;
use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::ServiceKey;
use super::jwt::Jwt;
use crate::error::NotifyError;

/// What proves that the caller holds one of the service's keys.
pub(super) enum Proof<'a> {
    Jwt(Jwt<'a>),
    Secret(Uuid),
}

/// Reads the header as far as the service it names.
pub(super) fn read(header: &str) -> Result<(ServiceId, Proof<'_>), NotifyError> {
    let (scheme, credentials) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        let jwt = Jwt::read(credentials.trim())?;
        return Ok((jwt.service_id, Proof::Jwt(jwt)));
    }
    if scheme.eq_ignore_ascii_case("apikey-v1") {
        let key = FullKey::parse(credentials.trim())
            .ok_or_else(|| NotifyError::forbidden("Invalid token: Enter your full API key"))?;
        return Ok((key.service_id, Proof::Secret(key.secret)));
    }
    Err(NotifyError::unauthorized(
        "Unauthorized: authentication bearer scheme must be used",
    ))
}

impl Proof<'_> {
    /// The key that was used, revoked or not.
    pub fn find_key<'k>(
        &self,
        keys: &'k [ServiceKey],
        now: DateTime<Utc>,
    ) -> Result<&'k ApiKey, NotifyError> {
        if keys.is_empty() {
            return Err(NotifyError::forbidden(
                "Invalid token: service has no API keys",
            ));
        }
        match self {
            Self::Jwt(jwt) => jwt.find_key(keys, now),
            Self::Secret(secret) => find_secret(keys, *secret)
                .ok_or_else(|| NotifyError::forbidden("Invalid token: API key not found")),
        }
    }
}

/// Every key is compared in full: how long it takes says nothing.
fn find_secret(keys: &[ServiceKey], secret: Uuid) -> Option<&ApiKey> {
    let mut found = None;
    for ServiceKey { key, .. } in keys {
        if bool::from(key.secret.as_bytes().ct_eq(secret.as_bytes())) {
            found = Some(key);
        }
    }
    found
}
