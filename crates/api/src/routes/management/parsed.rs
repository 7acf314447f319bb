//! Bodies and paths of management requests: strict, with the field that is wrong.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpRequest};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::auth::Admin;
use crate::error::Problem;

/// The largest management body: actix's own default.
pub(crate) const LIMIT: usize = 262_144;

/// A JSON body of an administrator. The token is checked before the body is read.
pub(crate) struct Parsed<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Parsed<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admitted = Admin::from_request(request, payload).into_inner();
        let body = Bytes::from_request(request, payload);
        async move {
            admitted?;
            let body = body.await.map_err(|error| {
                if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE {
                    Problem::too_large(LIMIT)
                } else {
                    Problem::malformed(error.to_string())
                }
            })?;
            json(&body).map(Self)
        }
        .boxed_local()
    }
}

/// Reads a body by hand, for handlers that have taken the token already and allow more.
pub(crate) async fn body(payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
    match payload.to_bytes_limited(limit).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Problem::malformed(error.to_string())),
        Err(_) => Err(Problem::too_large(limit)),
    }
}

/// Reads JSON strictly.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let text = error.to_string();
            Problem::field(named_field(&text), text.clone())
        }
        _ => Problem::malformed(error.to_string()),
    })
}

/// The field serde names in backticks, if it names one.
fn named_field(text: &str) -> &str {
    text.split('`')
        .nth(1)
        .filter(|_| text.contains("field"))
        .unwrap_or("body")
}

/// Reads an id from the path; what is no id does not exist.
pub(crate) fn id<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::gone())
}
