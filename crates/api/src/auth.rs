//! Who is calling: a service by its key, or an administrator by a token.

mod admin;
mod jwt;
mod scheme;

use std::collections::HashSet;
use std::sync::Arc;

use actix_web::HttpRequest;
use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ApiKeyId, ServiceId};
use carillon_core::service::{Sender, Service};
use carillon_store::Store;
use carillon_store::api_key::ApiKey;
use jsonwebtoken::DecodingKey;

pub(crate) use admin::Admin;

use crate::cache::Cache;
use crate::error::NotifyError;
use crate::state::State;

/// Everything about a service that accepting needs, read together and cached.
pub(crate) struct Access {
    pub service: Service,
    pub keys: Vec<ServiceKey>,
    pub senders: Vec<Sender>,
    pub safelist: HashSet<(Channel, String)>,
}

/// A key of a service, ready to verify with.
pub(crate) struct ServiceKey {
    pub key: ApiKey,
    /// Made once per reading, not once per request.
    decoding: DecodingKey,
}

impl ServiceKey {
    /// The clients sign with the secret's text, dashes included.
    fn new(key: ApiKey) -> Self {
        let mut text = uuid::Uuid::encode_buffer();
        let secret = key.secret.hyphenated().encode_lower(&mut text);
        let decoding = DecodingKey::from_secret(secret.as_bytes());
        Self { key, decoding }
    }
}

/// An authenticated service and the key it used.
pub(crate) struct Principal {
    pub access: Arc<Access>,
    pub key_id: ApiKeyId,
    pub key_type: KeyType,
}

/// The services known to this process.
pub(crate) struct Services {
    cache: Cache<ServiceId, Access>,
    store: Store,
}

impl Services {
    pub const fn new(cache: Cache<ServiceId, Access>, store: Store) -> Self {
        Self { cache, store }
    }

    /// A service with its keys; `None` when it does not exist.
    pub async fn get(&self, id: ServiceId) -> carillon_store::Result<Option<Arc<Access>>> {
        self.cache.get(id, read(&self.store, id)).await
    }
}

async fn read(store: &Store, id: ServiceId) -> carillon_store::Result<Access> {
    Ok(Access {
        service: carillon_store::service::read(store, id).await?,
        keys: carillon_store::api_key::of_service(store, id)
            .await?
            .into_iter()
            .map(ServiceKey::new)
            .collect(),
        senders: carillon_store::service::senders(store, id).await?,
        safelist: carillon_store::service::safelist(store, id)
            .await?
            .into_iter()
            .collect(),
    })
}

/// Authenticates a request of the send and read families. Nothing of the request but its header is
/// looked at before this.
pub(crate) async fn principal(
    request: &HttpRequest,
    state: &State,
) -> Result<Principal, NotifyError> {
    let header = request
        .headers()
        .get("Authorization")
        .ok_or_else(|| {
            NotifyError::unauthorized("Unauthorized: authentication token must be provided")
        })?
        .to_str()
        .map_err(|_| NotifyError::forbidden("Invalid token: not printable"))?;
    let (service_id, proof) = scheme::read(header)?;
    let access = state
        .services
        .get(service_id)
        .await?
        .ok_or_else(|| NotifyError::forbidden("Invalid token: service not found"))?;
    let key = proof.find_key(&access.keys, carillon_core::clock::now())?;
    if key.revoked_at.is_some() {
        return Err(NotifyError::forbidden("Invalid token: API key revoked"));
    }
    if !access.service.active {
        return Err(NotifyError::forbidden("Invalid token: service is archived"));
    }
    let (key_id, key_type) = (key.id, key.key_type);
    Ok(Principal {
        access,
        key_id,
        key_type,
    })
}
