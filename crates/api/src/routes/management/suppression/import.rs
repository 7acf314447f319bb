//! Many recipients at once: all of them, or none when one line is wrong.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::channel::Channel;
use carillon_core::suppression::SuppressionReason;
use carillon_core::suppression::list::{BadLine, MOST_RECIPIENTS, read, read_lines};
use carillon_store::suppression as store;
use serde::Deserialize;
use serde_json::json;

use super::super::parsed;
use super::{of, query};
use crate::auth::Admin;
use crate::error::{FieldError, Problem};
use crate::state::State;

/// The largest body: the most recipients, each as long as an address can be.
const LIMIT: usize = 4 << 20;

/// As JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    channel: Channel,
    recipients: Vec<String>,
    #[serde(default = "manual")]
    reason: SuppressionReason,
}

/// What a `text/csv` body has no place for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    channel: Channel,
    #[serde(default = "manual")]
    reason: SuppressionReason,
}

const fn manual() -> SuppressionReason {
    SuppressionReason::Manual
}

/// Takes JSON, or `text/csv` of one recipient a line with `?channel=` and `?reason=`.
pub(crate) async fn import(
    _: Admin,
    request: HttpRequest,
    payload: Payload,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let body = parsed::body(payload, LIMIT).await?;
    let service = of(&state, &path).await?;
    let (channel, reason, recipients) = if is_csv(&request) {
        let Parameters { channel, reason } = query(&request)?;
        (channel, reason, csv(channel, &service.region, &body)?)
    } else {
        let Import {
            channel,
            recipients,
            reason,
        } = parsed::json(&body)?;
        (
            channel,
            reason,
            listed(channel, &service.region, &recipients)?,
        )
    };
    if recipients.len() > MOST_RECIPIENTS {
        let message = format!("must be at most {MOST_RECIPIENTS}; send the rest by itself");
        return Err(Problem::field("recipients", message));
    }
    let n_new = store::import(&state.store, service.id, channel, &recipients, reason).await?;
    Ok(HttpResponse::Ok().json(json!({
        "channel": channel, "reason": reason, "given": recipients.len(), "new": n_new,
    })))
}

fn is_csv(request: &HttpRequest) -> bool {
    let header = request.headers().get(CONTENT_TYPE);
    let essence = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/csv"))
}

fn csv(channel: Channel, region: &str, body: &Bytes) -> Result<Vec<String>, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|_| Problem::field("body", "must be text in UTF-8"))?;
    read_lines(channel, region, text).map_err(|bad| refused(bad, |n| format!("line {n}")))
}

fn listed(channel: Channel, region: &str, texts: &[String]) -> Result<Vec<String>, Problem> {
    let (mut recipients, mut bad) = (Vec::with_capacity(texts.len()), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match read(channel, region, text) {
            Ok(recipient) => recipients.push(recipient),
            Err(message) => bad.push(BadLine {
                number: index,
                message,
            }),
        }
    }
    if bad.is_empty() {
        Ok(recipients)
    } else {
        Err(refused(bad, |n| format!("recipients[{n}]")))
    }
}

fn refused(bad: Vec<BadLine>, field: impl Fn(usize) -> String) -> Problem {
    let errors = bad
        .into_iter()
        .map(|BadLine { number, message }| FieldError {
            field: field(number),
            message,
        });
    Problem::invalid(errors.collect())
}
