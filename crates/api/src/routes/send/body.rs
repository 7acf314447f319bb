//! Reading a request's body within its limit.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures::StreamExt;

use crate::error::NotifyError;

/// A body that takes longer to arrive is given up.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The whole body; 413 as soon as it is known to exceed the limit.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
) -> Result<Bytes, NotifyError> {
    let declared = request
        .headers()
        .get("Content-Length")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if declared.is_some_and(|n| n > limit) {
        return Err(NotifyError::too_large(limit));
    }
    tokio::time::timeout(WITHIN, collect(payload, limit))
        .await
        .unwrap_or_else(|_| {
            Err(NotifyError::bad_request(
                "The request body did not arrive in time",
            ))
        })
}

async fn collect(mut payload: Payload, limit: usize) -> Result<Bytes, NotifyError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| NotifyError::bad_request("The request body broke off"))?;
        if body.len() + chunk.len() > limit {
            return Err(NotifyError::too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
