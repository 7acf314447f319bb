//! Templates and their versions.

pub(crate) mod preview;
pub(crate) mod test_send;

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::template::check_texts;
use carillon_store::template::{self as store, NewTemplate, TemplateVersion};
use serde::Deserialize;
use serde_json::json;

use super::parsed::{self, Parsed};
use crate::auth::Admin;
use crate::error::{FieldError, Problem};
use crate::state::State;

/// Who is noted as author of what the administrator's token creates.
pub(super) const AUTHOR: &str = "administrator";

/// A service's templates in use.
pub(crate) async fn list(
    _: Admin,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let templates = store::list(&state.store, parsed::id(&path)?, None).await?;
    let templates: Vec<_> = templates
        .iter()
        .map(|t| {
            json!({
                "id": t.id, "name": t.name, "channel": t.channel, "lane": t.lane,
                "version": t.version, "subject": t.subject, "body": t.body,
                "when_answer_lost": t.when_answer_lost,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "templates": templates })))
}

/// The version of a template that is asked for.
#[derive(Deserialize)]
struct AtVersion {
    version: Option<i32>,
}

/// A template with its texts, at its current version or at `?version=`.
pub(crate) async fn read(
    _: Admin,
    request: HttpRequest,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(path)?;
    let AtVersion { version } = Query::<AtVersion>::from_query(request.query_string())
        .map_err(|_| Problem::field("version", "must be a whole number"))?
        .into_inner();
    let t = read_at(&state, service_id, id, version).await?;
    Ok(HttpResponse::Ok().json(json!({
        "id": t.id, "name": t.name, "channel": t.channel, "lane": t.lane, "archived": t.archived,
        "version": t.version, "subject": t.subject, "body": t.body, "created_by": t.created_by,
        "when_answer_lost": t.when_answer_lost,
    })))
}

/// A template's versions, newest first.
pub(crate) async fn versions(
    _: Admin,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(path)?;
    let versions = store::versions(&state.store, service_id, id).await?;
    Ok(HttpResponse::Ok().json(json!({ "versions": versions })))
}

/// A new template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    channel: Channel,
    name: String,
    subject: Option<String>,
    body: String,
    #[serde(default = "normal")]
    lane: Lane,
    #[serde(default)]
    when_answer_lost: WhenAnswerLost,
}

const fn normal() -> Lane {
    Lane::Normal
}

/// Creates a template with its first version.
pub(crate) async fn create(
    body: Parsed<New>,
    path: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let New {
        channel,
        name,
        subject,
        body,
        lane,
        when_answer_lost,
    } = body.0;
    let mut errors = errors(check_texts(channel, subject.as_deref(), &body));
    if name.trim().is_empty() {
        errors.push(FieldError {
            field: "name".into(),
            message: "must not be empty".into(),
        });
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let service_id: ServiceId = parsed::id(&path)?;
    let new = NewTemplate {
        channel,
        name,
        lane,
        when_answer_lost,
        subject,
        body,
    };
    let id = store::create(&state.store, service_id, new, AUTHOR).await?;
    Ok(HttpResponse::Created().json(json!({ "id": id, "version": 1, "lane": lane })))
}

/// What may be changed without a new version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    lane: Option<Lane>,
    archived: Option<bool>,
    when_answer_lost: Option<WhenAnswerLost>,
}

/// Sets the lane or what follows a lost answer, or archives.
pub(crate) async fn update(
    body: Parsed<Changes>,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(path)?;
    let Changes {
        lane,
        archived,
        when_answer_lost,
    } = body.0;
    let changes = store::Changes {
        lane,
        archived,
        when_answer_lost,
    };
    store::update(&state.store, service_id, id, changes).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A new version's texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVersion {
    subject: Option<String>,
    body: String,
}

/// Appends a version, which is used from then on.
pub(crate) async fn add_version(
    body: Parsed<NewVersion>,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(path)?;
    let NewVersion { subject, body } = body.0;
    let template = store::read_current(&state.store, service_id, id).await?;
    let errors = errors(check_texts(template.channel, subject.as_deref(), &body));
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let version = store::add_version(&state.store, service_id, id, subject, body, AUTHOR).await?;
    Ok(HttpResponse::Created().json(json!({ "id": id, "version": version })))
}

/// A template at a version, or at its current one.
async fn read_at(
    state: &State,
    service_id: ServiceId,
    id: TemplateId,
    version: Option<i32>,
) -> carillon_store::Result<TemplateVersion> {
    match version {
        None => store::read_current(&state.store, service_id, id).await,
        Some(version) => store::read_version(&state.store, service_id, id, version).await,
    }
}

fn ids(path: Path<(String, String)>) -> Result<(ServiceId, TemplateId), Problem> {
    let (service_id, id) = path.into_inner();
    Ok((parsed::id(&service_id)?, parsed::id(&id)?))
}

fn errors(violations: Vec<(&'static str, String)>) -> Vec<FieldError> {
    violations
        .into_iter()
        .map(|(field, message)| FieldError {
            field: field.to_owned(),
            message,
        })
        .collect()
}
