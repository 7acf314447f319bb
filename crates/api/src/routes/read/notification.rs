//! `GET /v2/notifications` and `/v2/notifications/{id}`.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, TemplateId};
use carillon_core::notification::Status;
use carillon_core::personalisation::Personalisation;
use carillon_store::notification::{Filter, Notification, read_many, read_page};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::auth::{self, Principal};
use crate::error::NotifyError;
use crate::routes::send::TIME;
use crate::routes::send::template::Parsed;
use crate::state::State;

/// Notifications of one page (Notify's).
const PAGE: i64 = 250;

/// One notification; waits briefly for one that was accepted a moment ago.
pub(crate) async fn one(
    request: HttpRequest,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let principal = auth::principal(&request, &state).await?;
    let id: NotificationId = path.parse().map_err(|_| {
        NotifyError::validation(vec!["notification_id is not a valid UUID".to_owned()])
    })?;
    let service_id = principal.access.service.id;
    let row = match read_many(&state.store, &[id]).await?.pop() {
        Some(row) => Some(row),
        None => state.fresh_reads.wait(service_id, id).await,
    };
    let row = row
        .filter(|row| row.service_id == service_id)
        .ok_or_else(NotifyError::no_result)?;
    let mut templates = Versions::new(&state);
    let body = templates.show(&row).await?;
    Ok(HttpResponse::Ok().json(body))
}

/// A page of the service's notifications of the key's own type, newest first.
pub(crate) async fn page(
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let principal = auth::principal(&request, &state).await?;
    let filter = filter(request.query_string())?;
    let rows = read_rows(&state, &principal, &filter).await?;
    let mut templates = Versions::new(&state);
    let mut notifications = Vec::with_capacity(rows.len());
    for row in &rows {
        notifications.push(templates.show(row).await?);
    }
    let base = format!("{}/v2/notifications", state.public_url);
    let current = match request.query_string() {
        "" => base.clone(),
        query => format!("{base}?{query}"),
    };
    let mut links = json!({ "current": current });
    if let Some(last) = rows.last() {
        links["next"] = json!(next_link(&base, request.query_string(), last.id));
    }
    Ok(HttpResponse::Ok().json(json!({ "notifications": notifications, "links": links })))
}

async fn read_rows(
    state: &State,
    principal: &Principal,
    filter: &Filter,
) -> Result<Vec<Notification>, NotifyError> {
    let (service_id, key_type) = (principal.access.service.id, principal.key_type);
    Ok(read_page(&state.store, service_id, key_type, filter, PAGE).await?)
}

fn next_link(base: &str, query: &str, last: NotificationId) -> String {
    let mut kept: Vec<&str> = query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("older_than="))
        .collect();
    let older = format!("older_than={last}");
    kept.push(&older);
    format!("{base}?{}", kept.join("&"))
}

/// Statuses of Notify's that no notification here ever has.
const ELSEWHERE: [&str; 7] = [
    "accepted",
    "received",
    "pending-virus-check",
    "validation-failed",
    "virus-scan-failed",
    "returned-letter",
    "pii-check-failed",
];

/// The pairs of a query string, names repeated or not.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, NotifyError> {
    actix_web::web::Query::<Vec<(String, String)>>::from_query(query)
        .map(actix_web::web::Query::into_inner)
        .map_err(|_| NotifyError::bad_request("The query string cannot be read"))
}

/// Reads the filters; `status` and `template_type` may be repeated.
fn filter(query: &str) -> Result<Filter, NotifyError> {
    let mut filter = Filter::default();
    let mut violations = Vec::new();
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "status" => match Status::of_filter(&value) {
                Some(statuses) => filter.statuses.get_or_insert_default().extend(statuses),
                None if ELSEWHERE.contains(&value.as_str()) => {
                    filter.statuses.get_or_insert_default();
                }
                None => violations.push(format!(
                    "status {value} is not one of [{}]",
                    names(
                        Status::ALL
                            .iter()
                            .map(|s| s.as_str())
                            .chain(["failed"])
                            .chain(ELSEWHERE)
                    )
                )),
            },
            "template_type" => match value.parse::<Channel>() {
                Ok(channel) => filter.channels.get_or_insert_default().push(channel),
                // Notify has letters; here there are none to show.
                Err(_) if value == "letter" => {
                    filter.channels.get_or_insert_default();
                }
                Err(_) => violations.push(format!(
                    "template_type {value} is not one of [{}]",
                    names(Channel::ALL.iter().map(|c| c.as_str()).chain(["letter"]))
                )),
            },
            "reference" => filter.reference = Some(value),
            "older_than" => match value.parse() {
                Ok(id) => filter.older_than = Some(id),
                Err(_) => violations.push("older_than is not a valid UUID".to_owned()),
            },
            "include_jobs" => match value.to_ascii_lowercase().as_str() {
                "true" => filter.include_jobs = true,
                "false" => filter.include_jobs = false,
                _ => violations.push(format!("include_jobs {value} is not one of [true, false]")),
            },
            other => violations.push(format!(
                "Additional properties are not allowed ({other} was unexpected)"
            )),
        }
    }
    if violations.is_empty() {
        Ok(filter)
    } else {
        Err(NotifyError::validation(violations))
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// The template versions of one answer, each read once.
struct Versions<'a> {
    state: &'a State,
    read: HashMap<(TemplateId, i32), Arc<Parsed>>,
}

impl<'a> Versions<'a> {
    fn new(state: &'a State) -> Self {
        Self {
            state,
            read: HashMap::new(),
        }
    }

    async fn get(&mut self, row: &Notification) -> Result<Arc<Parsed>, NotifyError> {
        let key = (row.template_id, row.template_version);
        if let Some(parsed) = self.read.get(&key) {
            return Ok(Arc::clone(parsed));
        }
        let version = carillon_store::template::read_version(
            &self.state.store,
            row.service_id,
            row.template_id,
            row.template_version,
        )
        .await?;
        let parsed = Arc::new(Parsed::new(version));
        self.read.insert(key, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// A notification exactly as Notify shows it.
    async fn show(&mut self, row: &Notification) -> Result<Value, NotifyError> {
        let template = self.get(row).await?;
        let values = match &row.personalisation {
            Value::Object(map) => Personalisation::stored(map.clone()),
            _ => Personalisation::default(),
        };
        let content = template.fill(&values)?;
        let of = |channel| (row.channel == channel).then_some(&row.recipient);
        let base = &self.state.public_url;
        let completed_at = row
            .completed_at
            .filter(|_| row.status.is_completed())
            .or(row.sent_at.filter(|_| row.status == Status::Sent));
        Ok(json!({
            "id": row.id,
            "reference": row.reference,
            "email_address": of(Channel::Email),
            "phone_number": of(Channel::Sms),
            "line_1": null, "line_2": null, "line_3": null, "line_4": null, "line_5": null,
            "line_6": null, "line_7": null, "postcode": null, "postage": null,
            "type": row.channel,
            "status": row.status,
            "template": {
                "id": row.template_id,
                "version": row.template_version,
                "uri": format!(
                    "{base}/v2/template/{}/version/{}", row.template_id, row.template_version
                ),
            },
            "body": content.body,
            "subject": content.subject,
            "created_at": time(row.created_at),
            "created_by_name": null,
            "sent_at": row.sent_at.map(time),
            "completed_at": completed_at.map(time),
            "scheduled_for": row.scheduled_for.map(time),
            "one_click_unsubscribe_url": row.unsubscribe_url,
        }))
    }
}

/// A time as Notify writes it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format(TIME).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_and_repeat() {
        let filter =
            filter("status=created&status=failed&template_type=sms&include_jobs=True").unwrap();
        assert_eq!(filter.statuses.unwrap().len(), 4);
        assert_eq!(filter.channels, Some(vec![Channel::Sms]));
        assert!(filter.include_jobs);
    }

    #[test]
    fn every_bad_filter_is_named() {
        let error = format!("{:?}", filter("status=x&older_than=1&nope=1").unwrap_err());
        for words in [
            "status x is not one of",
            "older_than is not a valid UUID",
            "nope was",
        ] {
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_next_link_keeps_the_filters() {
        let id = NotificationId(uuid::Uuid::nil());
        let link = next_link("b", "status=created&older_than=zzz&include_jobs=True", id);
        assert_eq!(
            link,
            format!("b?status=created&include_jobs=True&older_than={id}")
        );
    }
}
