//! `GET /v2/template…`, `/v2/templates` and the preview.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::personalisation::Personalisation;
use carillon_store::template::{TemplateVersion, list as read_list, read_current, read_version};
use serde_json::{Map, Value, json};

use super::notification::{pairs, time};
use crate::auth;
use crate::error::NotifyError;
use crate::routes::send::read_body;
use crate::routes::send::template::Parsed;
use crate::state::State;

/// The service's templates in use, of one type if `type` names it.
pub(crate) async fn list(
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let service_id = auth::principal(&request, &state).await?.access.service.id;
    let templates = match wanted_type(request.query_string())? {
        Wanted::All => read_list(&state.store, service_id, None).await?,
        Wanted::One(channel) => read_list(&state.store, service_id, Some(channel)).await?,
        Wanted::None => Vec::new(),
    };
    let templates: Vec<_> = templates
        .into_iter()
        .map(|t| show(&Parsed::new(t)))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "templates": templates })))
}

enum Wanted {
    All,
    One(Channel),
    /// A type of Notify's that has no templates here.
    None,
}

fn wanted_type(query: &str) -> Result<Wanted, NotifyError> {
    let mut wanted = Wanted::All;
    for (name, value) in pairs(query)? {
        wanted = match (name.as_str(), value.parse()) {
            ("type", Ok(channel)) => Wanted::One(channel),
            ("type", Err(_)) if value == "letter" => Wanted::None,
            ("type", Err(_)) => {
                let text = format!("type {value} is not one of [sms, email, letter]");
                return Err(NotifyError::validation(vec![text]));
            }
            _ => {
                let text = format!("Additional properties are not allowed ({name} was unexpected)");
                return Err(NotifyError::validation(vec![text]));
            }
        };
    }
    Ok(wanted)
}

/// A template at its current version.
pub(crate) async fn current(
    request: HttpRequest,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let service_id = auth::principal(&request, &state).await?.access.service.id;
    let template = read(&state, service_id, &path, None).await?;
    Ok(HttpResponse::Ok().json(show(&Parsed::new(template))))
}

/// A template at a given version.
pub(crate) async fn version(
    request: HttpRequest,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let service_id = auth::principal(&request, &state).await?.access.service.id;
    let (id, version) = path.into_inner();
    let template = read(&state, service_id, &id, Some(&version)).await?;
    Ok(HttpResponse::Ok().json(show(&Parsed::new(template))))
}

/// A template filled with values.
pub(crate) async fn preview(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let access = auth::principal(&request, &state).await?.access;
    let service = &access.service;
    let body = read_body(&request, payload, state.settings.api.body_limit_bytes).await?;
    let values = values(&body)?;
    let template = Parsed::new(read(&state, service.id, &path, None).await?);
    let content = template.fill(&values)?;
    let html = (template.row.channel == Channel::Email)
        .then(|| template.email(&service.name, &values).html);
    Ok(HttpResponse::Ok().json(json!({
        "id": template.row.id,
        "type": template.row.channel,
        "version": template.row.version,
        "body": content.body,
        "subject": content.subject,
        "html": html,
        "postage": null,
    })))
}

/// `{"personalisation": {…}}`; the key may be left out, and so may the body.
fn values(body: &[u8]) -> Result<Personalisation, NotifyError> {
    if body.is_empty() {
        return Ok(Personalisation::default());
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| NotifyError::bad_request("Invalid JSON supplied in POST data"))?;
    let map = match value.get("personalisation") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map.clone(),
        Some(_) => {
            let text = "personalisation is not of type object".to_owned();
            return Err(NotifyError::validation(vec![text]));
        }
    };
    Personalisation::parse(map).map_err(|error| NotifyError::validation(vec![error.to_string()]))
}

async fn read(
    state: &State,
    service_id: ServiceId,
    id: &str,
    version: Option<&str>,
) -> Result<TemplateVersion, NotifyError> {
    let id: TemplateId = id
        .parse()
        .map_err(|_| NotifyError::validation(vec!["id is not a valid UUID".to_owned()]))?;
    match version {
        None => Ok(read_current(&state.store, service_id, id).await?),
        Some(version) => {
            let version = version.parse().map_err(|_| {
                NotifyError::validation(vec!["version is not of type integer".to_owned()])
            })?;
            Ok(read_version(&state.store, service_id, id, version).await?)
        }
    }
}

fn show(template: &Parsed) -> Value {
    let personalisation: Map<String, Value> = template
        .placeholders()
        .iter()
        .map(|name| (name.clone(), json!({ "required": true })))
        .collect();
    let row = &template.row;
    json!({
        "id": row.id,
        "name": row.name,
        "type": row.channel,
        "created_at": time(row.created_at),
        "updated_at": row.updated_at.map(time),
        "created_by": row.created_by,
        "version": row.version,
        "body": row.body,
        "subject": row.subject,
        "letter_contact_block": null,
        "personalisation": personalisation,
        "postage": null,
    })
}
