//! Many recipients at once: all of them, or none when one line is wrong.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::channel::Channel;
use carillon_core::suppression::SuppressionReason;
use carillon_core::suppression::list::{BadLine, BadLines, MOST_RECIPIENTS, lines, read_all};
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

/// Bad recipients that an answer names; the rest is counted.
const MOST_NAMED: usize = 100;

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
    all(channel, region, || lines(text), |n| format!("line {n}"))
}

fn listed(channel: Channel, region: &str, texts: &[String]) -> Result<Vec<String>, Problem> {
    let numbered = || texts.iter().map(String::as_str).enumerate();
    all(channel, region, numbered, |n| format!("recipients[{n}]"))
}

/// Reads all of them, or says what is wrong with the first that are not recipients. There may be
/// millions, so they are counted before any is read.
fn all<'a, I: Iterator<Item = (usize, &'a str)>>(
    channel: Channel,
    region: &str,
    texts: impl Fn() -> I,
    field: impl Fn(usize) -> String,
) -> Result<Vec<String>, Problem> {
    if texts().nth(MOST_RECIPIENTS).is_some() {
        let message = format!("must be at most {MOST_RECIPIENTS}; send the rest by itself");
        return Err(Problem::field("recipients", message));
    }
    read_all(channel, region, texts(), MOST_NAMED).map_err(|bad| refused(bad, field))
}

fn refused(bad: BadLines, field: impl Fn(usize) -> String) -> Problem {
    let BadLines { named, n_more } = bad;
    let named = named
        .into_iter()
        .map(|BadLine { number, message }| FieldError {
            field: field(number),
            message,
        });
    let rest = (n_more > 0).then(|| FieldError {
        field: "recipients".to_owned(),
        message: format!("{n_more} more are wrong"),
    });
    Problem::invalid(named.chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(texts: &[&str]) -> Vec<(String, String)> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let problem = listed(Channel::Email, "GB", &texts).unwrap_err();
        let problem = serde_json::to_value(&problem).unwrap();
        let errors = problem["errors"].as_array().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|error| (text(&error["field"]), text(&error["message"])))
            .collect()
    }

    #[test]
    fn a_hundred_bad_recipients_are_named_and_the_rest_is_counted() {
        let errors = errors(&["x"; MOST_RECIPIENTS]);
        assert_eq!(errors.len(), MOST_NAMED + 1);
        assert_eq!(errors[99].0, "recipients[99]");
        assert_eq!(errors[100].1, "9900 more are wrong");
    }

    #[test]
    fn too_many_recipients_are_not_read() {
        let errors = errors(&["x"; MOST_RECIPIENTS + 1]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].1.starts_with("must be at most 10000"));
    }
}
