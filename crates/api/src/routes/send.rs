//! Sending: the order of checks is GOV.UK's — JSON, schema, permission, template, recipient.
//!
//! Before all of them comes the idempotency key, if there is one: what was answered once is answered
//! again, whatever has changed meanwhile.

mod body;
pub(crate) mod bulk;
pub(crate) mod recipient;
mod request;
mod schema;
pub(crate) mod template;

use actix_web::http::header::ContentType;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::idempotency::{Fingerprint, Fingerprinting};
use carillon_core::personalisation::Personalisation;
use carillon_core::queue::Queue;
use carillon_core::service::Service;
use carillon_core::task::SaveNotification;
use carillon_store::idempotency::KeyedNotification;
use serde_json::{Map, Value, json};

use crate::accept::Once;
use crate::auth::{self, Principal};
use crate::error::NotifyError;
use crate::idempotency::{self, Looked};
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
    let key = idempotency::key(http, principal.access.service.id)?;
    // A request that was answered before is no request, so one with a key is looked up first.
    if key.is_none() {
        state.limits.admit(&principal).await?;
    }
    let body = body::read(http, payload, state.settings.api.body_limit_bytes).await?;
    let fingerprint = || fingerprint_of(channel, principal.key_type, &body);
    let turn = match key {
        None => None,
        Some(key) => match state.idempotency.look(key).await? {
            Looked::New(turn) => {
                state.limits.admit(&principal).await?;
                Some(turn)
            }
            Looked::Used(stored) => return idempotency::replay(&stored, fingerprint()),
        },
    };
    let now = carillon_core::clock::now();
    let request = SendRequest::parse(channel, &body, now)?;
    let service = &principal.access.service;
    check_permission(service, channel)?;
    check_brake(service, channel, principal.key_type)?;
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
    let answer = answer.json(channel, state).to_string().into_bytes();
    let inbox = Queue::inbox(channel, template.lane(), service.high_volume);
    // Last of all: what is refused takes nothing.
    let taken = state
        .limits
        .take_message(&principal, channel, &notification.normalised_recipient);
    let taken = taken.await?;
    let Some(turn) = turn else {
        return match state.accept.accept(inbox, notification).await {
            Ok(()) => Ok(created(answer)),
            Err(_) => {
                state.limits.give_back(taken);
                Err(NotifyError::unavailable())
            }
        };
    };
    let fingerprint = fingerprint();
    let request = KeyedNotification {
        key: turn.key().clone(),
        fingerprint,
        answer: answer.clone(),
        notification,
    };
    let accepted = state.accept.accept_once(inbox, request, turn).await;
    if !matches!(accepted, Once::New) {
        state.limits.give_back(taken);
    }
    match accepted {
        Once::New => Ok(created(answer)),
        Once::Before(stored) => idempotency::replay(&stored, fingerprint),
        Once::InUse => Err(idempotency::in_use()),
        Once::Refused => Err(NotifyError::bad_request(
            "The request holds a value that cannot be stored",
        )),
        Once::Away => Err(NotifyError::unavailable()),
    }
}

/// What is the same in every request that is this one again. A test key's is not a live key's, so
/// that no live request is answered with what went to the sandbox.
fn fingerprint_of(channel: Channel, key_type: KeyType, body: &[u8]) -> Fingerprint {
    let mut taken = Fingerprinting::default()
        .part(channel.as_str().as_bytes())
        .part(key_type.as_str().as_bytes());
    taken.add_piece(body);
    taken.finish()
}

/// The 201 with a body that is JSON.
fn created(answer: Vec<u8>) -> HttpResponse {
    HttpResponse::Created()
        .content_type(ContentType::json())
        .body(answer)
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

/// Checks that what a service sends on a channel is not stopped for its bounces.
fn check_brake(service: &Service, channel: Channel, key_type: KeyType) -> Result<(), NotifyError> {
    if service.is_braked(channel, key_type) {
        return Err(NotifyError::braked());
    }
    Ok(())
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
