//! A message that an administrator sends to see a template arrive.
//!
//! It is checked as a send of the service is and goes the same way; it differs in naming no key.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::personalisation::Personalisation;
use carillon_core::queue::Queue;
use carillon_core::task::SaveNotification;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ids, read_at};
use crate::auth::Access;
use crate::error::{FieldError, Problem};
use crate::routes::management::parsed::Parsed;
use crate::routes::send::recipient;
use crate::routes::send::template::{Parsed as ParsedTemplate, Unfillable};
use crate::state::State;

/// To whom, with which values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSend {
    recipient: String,
    #[serde(default)]
    personalisation: Map<String, Value>,
}

/// Accepts a message of the template's current version.
pub(crate) async fn send(
    body: Parsed<TestSend>,
    path: Path<(String, String)>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let (service_id, id) = ids(path)?;
    let access = state.services.get(service_id).await?;
    let access = access.ok_or_else(Problem::gone)?;
    // Not from the cache: the administrator may have edited it a moment ago.
    let template = ParsedTemplate::new(read_at(&state, service_id, id, None).await?);
    let TestSend {
        recipient,
        personalisation,
    } = body.0;
    let checked =
        check(&access, &template, &recipient, personalisation).map_err(Problem::invalid)?;

    let (id, row) = (NotificationId::mint(), &template.row);
    let notification = SaveNotification {
        id,
        service_id,
        api_key_id: None,
        key_type: KeyType::Normal,
        channel: row.channel,
        lane: row.lane,
        template_id: row.id,
        template_version: row.version,
        recipient,
        normalised_recipient: checked.recipient,
        personalisation: checked.values.into_json(),
        reference: None,
        sender: recipient::default_sender(&access, row.channel),
        unsubscribe_url: None,
        scheduled_for: None,
        created_at: carillon_core::clock::now(),
        trace: Some(crate::trace::current()),
    };
    let inbox = Queue::inbox(row.channel, row.lane, access.service.high_volume);
    let accepted = state.accept.accept(inbox, notification).await;
    accepted.map_err(|_| {
        let text = "neither the broker nor the database took the message";
        carillon_store::Error::Unavailable(text.to_owned())
    })?;
    let timeline_url = format!("{}/api/notifications/{id}/timeline", state.public_url);
    Ok(HttpResponse::Created()
        .json(json!({ "id": id, "status": "created", "timeline_url": timeline_url })))
}

/// What passed every check.
#[derive(Debug)]
struct Checked {
    /// In its normal form.
    recipient: String,
    values: Personalisation,
}

/// Checks what sending checks, and names everything that is wrong.
fn check(
    access: &Access,
    template: &ParsedTemplate,
    recipient: &str,
    personalisation: Map<String, Value>,
) -> Result<Checked, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: String| {
        errors.push(FieldError {
            field: field.to_owned(),
            message,
        });
    };
    let (service, channel) = (&access.service, template.row.channel);
    if !service.active {
        wrong("service", "is suspended".to_owned());
    }
    if !service.channels.contains(&channel) {
        wrong("service", format!("may not send {}", of_channel(channel)));
    }
    if template.row.archived {
        wrong("template", "is archived".to_owned());
    }
    let recipient = recipient::check(access, KeyType::Normal, channel, recipient)
        .map_err(|error| wrong("recipient", error.to_string()))
        .ok();
    let values = Personalisation::parse(personalisation)
        .map_err(|error| wrong("personalisation", error.to_string()))
        .ok();
    match values.as_ref().map(|values| template.fill(values)) {
        Some(Err(Unfillable::Missing(names))) => {
            for name in names {
                wrong(&format!("personalisation.{name}"), "is missing".to_owned());
            }
        }
        Some(Err(error)) => wrong("personalisation", error.to_string()),
        Some(Ok(_)) | None => {}
    }
    match (recipient, values) {
        (Some(recipient), Some(values)) if errors.is_empty() => Ok(Checked { recipient, values }),
        _ => Err(errors),
    }
}

const fn of_channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "e-mails",
        Channel::Sms => "text messages",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use carillon_core::id::{ServiceId, TemplateId};
    use carillon_core::lane::Lane;
    use carillon_core::service::{Service, USUAL_RETENTION_DAYS};
    use carillon_store::template::TemplateVersion;

    use super::*;

    fn access(change: impl FnOnce(&mut Service)) -> Access {
        let mut service = Service {
            id: ServiceId(uuid::Uuid::from_u128(1)),
            name: "Ely".to_owned(),
            active: true,
            restricted: false,
            high_volume: false,
            region: "FR".to_owned(),
            email_from: "ely".to_owned(),
            channels: Channel::ALL.to_vec(),
            one_click_unsubscribe: false,
            email_retention_days: USUAL_RETENTION_DAYS,
            sms_retention_days: USUAL_RETENTION_DAYS,
            rate_limit: None,
            email_daily_limit: None,
            sms_daily_limit: None,
            email_braked_at: None,
        };
        change(&mut service);
        Access {
            service,
            keys: Vec::new(),
            senders: Vec::new(),
            safelist: HashSet::new(),
        }
    }

    fn template(channel: Channel, body: &str) -> ParsedTemplate {
        ParsedTemplate::new(TemplateVersion {
            id: TemplateId(uuid::Uuid::from_u128(2)),
            service_id: ServiceId(uuid::Uuid::from_u128(1)),
            channel,
            name: "T".to_owned(),
            lane: Lane::Normal,
            archived: false,
            when_answer_lost: carillon_core::ambiguity::WhenAnswerLost::Retry,
            created_at: carillon_core::clock::now(),
            updated_at: None,
            version: 1,
            subject: (channel == Channel::Email).then(|| "About ((topic))".to_owned()),
            body: body.to_owned(),
            created_by: "ada".to_owned(),
        })
    }

    fn refused(access: &Access, template: &ParsedTemplate, recipient: &str) -> Vec<String> {
        let errors = check(access, template, recipient, Map::new()).unwrap_err();
        errors
            .into_iter()
            .map(|error| format!("{}: {}", error.field, error.message))
            .collect()
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let access = access(|service| {
            service.active = false;
            service.channels.clear();
        });
        let mut template = template(Channel::Email, "Hi ((name)), ((Topic))");
        template.row.archived = true;
        assert_eq!(
            refused(&access, &template, "nobody"),
            [
                "service: is suspended",
                "service: may not send e-mails",
                "template: is archived",
                "recipient: Not a valid email address",
                "personalisation.topic: is missing",
                "personalisation.name: is missing",
            ]
        );
    }

    #[test]
    fn a_number_is_read_in_the_service_s_region() {
        let template = template(Channel::Sms, "Hi");
        let checked = check(&access(|_| {}), &template, "06 12 34 56 78", Map::new());
        assert_eq!(checked.unwrap().recipient, "+33612345678");
        assert_eq!(refused(&access(|_| {}), &template, "12").len(), 1);
    }

    #[test]
    fn a_service_on_trial_reaches_its_safelist_only() {
        let mut access = access(|service| service.restricted = true);
        let template = template(Channel::Sms, "Hi");
        let errors = refused(&access, &template, "+33612345678");
        assert!(errors[0].contains("trial mode"), "{errors:?}");
        access
            .safelist
            .insert((Channel::Sms, "+33612345678".to_owned()));
        assert!(check(&access, &template, "+33612345678", Map::new()).is_ok());
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        let template = template(Channel::Sms, &"x".repeat(919));
        let errors = refused(&access(|_| {}), &template, "+33612345678");
        assert!(errors[0].contains("918"), "{errors:?}");
    }
}
