//! Sending: the order of checks is GOV.UK's — JSON, schema, permission, template, recipient.

mod body;
pub(crate) mod bulk;
pub(crate) mod recipient;
mod request;
mod schema;
pub(crate) mod template;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::personalisation::Personalisation;
use carillon_core::queue::Queue;
use carillon_core::service::Service;
use carillon_core::task::SaveNotification;
use serde_json::{Map, Value, json};

use crate::auth::{self, Principal};
use crate::error::NotifyError;
use crate::state::State;
use request::SendRequest;
use template::Usable;

pub(crate) use body::read as read_body;

/// `POST /email` and `/v2/notifications/email`.
pub(crate) async fn email(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    send(Channel::Email, &request, payload, &state).await
}

/// `POST /sms` and `/v2/notifications/sms`.
pub(crate) async fn sms(
    request: HttpRequest,
    payload: Payload,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    send(Channel::Sms, &request, payload, &state).await
}

async fn send(
    channel: Channel,
    http: &HttpRequest,
    payload: Payload,
    state: &State,
) -> Result<HttpResponse, NotifyError> {
    let principal = auth::principal(http, state).await?;
    refuse_idempotency_key(http)?;
    let body = body::read(http, payload, state.settings.api.body_limit_bytes).await?;
    let now = carillon_core::clock::now();
    let request = SendRequest::parse(channel, &body, now)?;
    let service = &principal.access.service;
    check_permission(service, channel)?;
    let template = state.templates.get(service.id, request.template_id).await?;
    let template = Usable::check(template, channel)?;
    let (personalisation, sanitised) = request
        .personalisation
        .sanitised(&request.sanitise_content_for);
    let content = template.fill(&personalisation)?;
    let sender = recipient::sender(&principal.access, channel, request.sender_id)?;
    let normalised = recipient::check(
        &principal.access,
        principal.key_type,
        channel,
        &request.recipient,
    )?;

    let id = NotificationId::mint();
    let notification = SaveNotification {
        id,
        service_id: service.id,
        api_key_id: Some(principal.key_id),
        key_type: principal.key_type,
        channel,
        lane: template.lane(),
        template_id: request.template_id,
        template_version: template.version(),
        recipient: request.recipient,
        normalised_recipient: normalised,
        personalisation: personalisation.into_json(),
        reference: request.reference.clone(),
        sender: sender.clone(),
        unsubscribe_url: request.unsubscribe_url.clone(),
        scheduled_for: request.scheduled_for,
        created_at: now,
        trace: Some(crate::trace::current()),
    };
    let inbox = Queue::inbox(channel, template.lane(), service.high_volume);
    state
        .accept
        .accept(inbox, notification)
        .await
        .map_err(|_| NotifyError::unavailable())?;

    let answer = Answer {
        id,
        principal: &principal,
        template: &template,
        content,
        reference: request.reference,
        sender,
        unsubscribe_url: request.unsubscribe_url,
        sanitised,
        scheduled_for: request.scheduled_for.map(|at| at.format(TIME).to_string()),
    };
    Ok(HttpResponse::Created().json(answer.json(channel, state)))
}

fn refuse_idempotency_key(http: &HttpRequest) -> Result<(), NotifyError> {
    if http.headers().contains_key("Idempotency-Key") {
        return Err(NotifyError::bad_request(
            "Idempotency-Key is not supported yet; send the request without it",
        ));
    }
    Ok(())
}

/// Checks that a service may send on a channel.
fn check_permission(service: &Service, channel: Channel) -> Result<(), NotifyError> {
    if service.channels.contains(&channel) {
        return Ok(());
    }
    let kind = match channel {
        Channel::Email => "emails",
        Channel::Sms => "text messages",
    };
    Err(NotifyError::bad_request(format!(
        "Service is not allowed to send {kind}"
    )))
}

/// Times as Notify writes them: UTC with six digits.
pub(crate) const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// The parts of a 201.
struct Answer<'a> {
    id: NotificationId,
    principal: &'a Principal,
    template: &'a Usable,
    content: template::Filled,
    reference: Option<String>,
    sender: Option<String>,
    unsubscribe_url: Option<String>,
    sanitised: Map<String, Value>,
    scheduled_for: Option<String>,
}

impl Answer<'_> {
    /// Exactly Notify's body.
    fn json(self, channel: Channel, state: &State) -> Value {
        let base = &state.public_url;
        let service = &self.principal.access.service;
        let template_id = self.template.id();
        let mut answer = json!({
            "id": self.id,
            "reference": self.reference,
            "uri": format!("{base}/v2/notifications/{}", self.id),
            "template": {
                "id": template_id,
                "version": self.template.version(),
                "uri": format!("{base}/services/{}/templates/{template_id}", service.id),
            },
            "scheduled_for": self.scheduled_for,
        });
        match channel {
            Channel::Email => {
                answer["content"] = json!({
                    "subject": self.content.subject,
                    "body": self.content.body,
                    "from_email": format!("{}@{}", service.email_from, state.settings.email.domain),
                    "one_click_unsubscribe_url": self.unsubscribe_url,
                });
                answer["sanitised_content"] = Value::Object(self.sanitised);
            }
            Channel::Sms => {
                answer["content"] = json!({
                    "body": self.content.body,
                    "from_number": self.sender.as_deref().unwrap_or_default().trim_start_matches('+'),
                });
            }
        }
        answer
    }
}

/// Personalisation as the schema takes it: an object of values.
fn personalisation(map: Map<String, Value>) -> Result<Personalisation, String> {
    Personalisation::parse(map).map_err(|error| error.to_string())
}
