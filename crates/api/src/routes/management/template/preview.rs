//! A template with values, before anybody sends it.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::channel::Channel;
use carillon_core::personalisation::Personalisation;
use carillon_core::sms::{Encoding, parts};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ids, read_at};
use crate::error::Problem;
use crate::routes::management::parsed::Parsed;
use crate::routes::send::template::Parsed as ParsedTemplate;
use crate::state::State;

/// The values, and the version if it is not the current one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    personalisation: Map<String, Value>,
    version: Option<i32>,
}

/// What would be sent. A placeholder without a value is listed and stays as written.
pub(crate) async fn show(
    body: Parsed<Wanted>,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(path)?;
    let Wanted {
        personalisation,
        version,
    } = body.0;
    let values = Personalisation::parse(personalisation)
        .map_err(|error| Problem::field("personalisation", error.to_string()))?;
    let service = carillon_store::service::read(&state.store, service_id).await?;
    let template = read_at(&state, service_id, id, version).await?;
    let template = ParsedTemplate::new(template);
    Ok(HttpResponse::Ok().json(preview(&service.name, &template, &values)))
}

fn preview(service_name: &str, template: &ParsedTemplate, values: &Personalisation) -> Value {
    let row = &template.row;
    let mut answer = json!({
        "id": row.id,
        "version": row.version,
        "channel": row.channel,
        "missing": template.missing(values),
    });
    match row.channel {
        Channel::Email => {
            let message = template.email(service_name, values);
            answer["subject"] = message.subject.into();
            answer["text"] = message.text.into();
            answer["html"] = message.html.into();
        }
        Channel::Sms => {
            let body = template.show(values).body;
            let size = parts(&body);
            answer["parts"] = size.parts.into();
            answer["encoding"] = name(size.encoding).into();
            answer["characters"] = body.chars().count().into();
            answer["body"] = body.into();
        }
    }
    answer
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gsm7 => "gsm-7",
        Encoding::Ucs2 => "ucs-2",
    }
}
