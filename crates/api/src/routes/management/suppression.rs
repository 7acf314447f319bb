//! Whom a service does not send to: looked at, added to, lifted.

pub(crate) mod import;

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carillon_core::channel::Channel;
use carillon_core::service::Service;
use carillon_core::suppression::{SuppressionReason, list as recipients};
use carillon_store::service;
use carillon_store::suppression::{self as store, Place};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::parsed::{self, Parsed};
use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// Entries of one page.
const PAGE: usize = 250;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    channel: Option<Channel>,
    recipient: Option<String>,
    cursor: Option<String>,
}

/// A page of the list; of one channel with `?channel=`, of one recipient with `?recipient=`.
pub(crate) async fn list(
    _: Admin,
    request: HttpRequest,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let filter: Filter = query(&request)?;
    let service = of(&state, &path).await?;
    if let Some(recipient) = &filter.recipient {
        let channel = filter
            .channel
            .unwrap_or_else(|| recipients::channel_of(recipient));
        let recipient = read("recipient", channel, &service, recipient)?;
        let entries = store::of_recipient(&state.store, service.id, channel, &recipient).await?;
        return Ok(HttpResponse::Ok().json(json!({ "suppressions": entries, "cursor": null })));
    }
    let after = match &filter.cursor {
        None => None,
        Some(text) => Some(place(text).ok_or_else(|| {
            Problem::field(
                "cursor",
                "must be the cursor of the page before, as it was given",
            )
        })?),
    };
    let entries = store::list(
        &state.store,
        service.id,
        filter.channel,
        after.as_ref(),
        PAGE,
    )
    .await?;
    let is_full = entries.len() == PAGE;
    let next = entries
        .last()
        .filter(|_| is_full)
        .map(|last| cursor(&last.into()));
    Ok(HttpResponse::Ok().json(json!({ "suppressions": entries, "cursor": next })))
}

/// A recipient to put on the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    channel: Channel,
    recipient: String,
}

/// Puts a recipient on the list by hand: 201, or 200 when it was there already.
pub(crate) async fn add(
    body: Parsed<New>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let New { channel, recipient } = body.0;
    let service = of(&state, &path).await?;
    let recipient = read("recipient", channel, &service, &recipient)?;
    let is_new = store::add(&state.store, service.id, channel, &recipient).await?;
    let mut response = if is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response.json(json!({
        "channel": channel, "recipient": recipient, "reason": SuppressionReason::Manual,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lift {
    channel: Channel,
    recipient: String,
    reason: Option<SuppressionReason>,
}

/// Takes a recipient off the list, for one reason or for all. What to lift stands in the query or,
/// which keeps the address out of logs, in the body.
pub(crate) async fn lift(
    _: Admin,
    request: HttpRequest,
    payload: actix_web::web::Payload,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let Lift {
        channel,
        recipient,
        reason,
    } = if request.query_string().is_empty() {
        let body = parsed::body(payload, parsed::LIMIT).await?;
        parsed::json(&body)?
    } else {
        query(&request)?
    };
    let service = of(&state, &path).await?;
    let recipient = read("recipient", channel, &service, &recipient)?;
    let lifted = store::lift(&state.store, service.id, channel, &recipient, reason).await?;
    Ok(HttpResponse::Ok().json(json!({ "lifted": lifted })))
}

fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    Query::<T>::from_query(request.query_string())
        .map(Query::into_inner)
        .map_err(|error| Problem::field("query", error.to_string()))
}

async fn of(state: &State, id: &str) -> Result<Service, Problem> {
    Ok(service::read(&state.store, parsed::id(id)?).await?)
}

/// Reads a recipient; an error names the field and does not quote it.
fn read(field: &str, channel: Channel, service: &Service, text: &str) -> Result<String, Problem> {
    recipients::read(channel, &service.region, text)
        .map_err(|message| Problem::field(field, message))
}

fn cursor(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!(
        "{} {} {}",
        place.channel, place.reason, place.recipient
    ))
}

fn place(cursor: &str) -> Option<Place> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let mut parts = text.splitn(3, ' ');
    Some(Place {
        channel: parts.next()?.parse().ok()?,
        reason: parts.next()?.parse().ok()?,
        recipient: parts.next().filter(|text| !text.contains('\0'))?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_brings_the_place_back() {
        let of = Place {
            channel: Channel::Email,
            recipient: "ada lovelace@example.org".to_owned(),
            reason: SuppressionReason::HardBounce,
        };
        assert!(place(&cursor(&of)) == Some(of));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "",
            "email",
            "ZW1haWw",
            &URL_SAFE_NO_PAD.encode("email x a@b.org"),
        ] {
            assert!(place(text).is_none(), "{text}");
        }
    }
}
