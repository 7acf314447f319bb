//! `/callbacks/sandbox`: the stand-in provider's receipts, one per request.

use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::channel::Channel;
use carillon_core::queue::Queue;
use carillon_core::receipt::Receipt;
use carillon_providers::signature;
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::state::State;

/// Which queue the receipt belongs to.
#[derive(Deserialize)]
pub(crate) struct Params {
    channel: Channel,
}

/// Verifies, hands on, and answers 200 once the receipt is safe.
pub(crate) async fn sandbox(request: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let Some(key) = &state.receipts.sandbox_key else {
        return HttpResponse::Forbidden().body("no signing key is configured for the sandbox");
    };
    let header = request
        .headers()
        .get(signature::HEADER)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let key = key.expose_secret().as_bytes();
    if signature::verify(key, header, &body, carillon_core::clock::now()).is_err() {
        return HttpResponse::Forbidden().body("the signature does not verify");
    }
    let Ok(params) = Query::<Params>::from_query(request.query_string()) else {
        return HttpResponse::BadRequest().body("?channel=email|sms is missing");
    };
    let Ok(receipt) = serde_json::from_slice::<Receipt>(&body) else {
        return HttpResponse::BadRequest().body("not a receipt");
    };
    if state
        .receipts
        .take(Queue::receipts(params.channel), receipt)
        .await
    {
        HttpResponse::Ok().finish()
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "1"))
            .finish()
    }
}
