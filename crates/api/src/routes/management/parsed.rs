//! Bodies and paths of management requests: strict, with the field that is wrong.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::auth::Admin;
use crate::error::Problem;

/// The largest management body: actix's own default.
const LIMIT: usize = 262_144;

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
            serde_json::from_slice(&body)
                .map(Self)
                .map_err(|error| match error.classify() {
                    serde_json::error::Category::Data => {
                        let text = error.to_string();
                        Problem::field(named_field(&text), text.clone())
                    }
                    _ => Problem::malformed(error.to_string()),
                })
        }
        .boxed_local()
    }
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
