//! What is sent: the template's version with the message's values.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::personalisation::Personalisation;
use carillon_core::reason::Reason;
use carillon_core::service::Service;
use carillon_core::template::Template;
use carillon_core::unsubscribe::{LinkKey, link};
use carillon_providers::outgoing::Content;
use carillon_render::{EmailMessage, Language, Layout};
use carillon_runtime::settings::Settings;
use carillon_store::notification::Claimed;
use carillon_store::{Error, Store};
use moka::future::Cache;
use serde_json::Value;

/// Why there is nothing to send.
pub(crate) enum NotSendable {
    /// It can never be sent.
    Never(Reason),
    /// It must not be sent before somebody lets it.
    Held(Reason),
    /// What it needs cannot be read for now.
    NotNow(String),
}

/// A template's version, parsed once.
struct Parsed {
    subject: Template,
    body: Template,
}

/// Renders messages; versions never change and are kept, services are read again soon.
pub(crate) struct Contents {
    store: Store,
    email_domain: String,
    /// Our own unsubscribe links: where the outside reaches the API, and what signs them.
    links: Option<(String, LinkKey)>,
    templates: Cache<(TemplateId, i32), Arc<Parsed>>,
    services: Cache<ServiceId, Arc<Service>>,
    when_answer_lost: Cache<TemplateId, WhenAnswerLost>,
}

/// Parsed versions kept in memory.
const TEMPLATES: u64 = 10_000;
/// How soon a suspended service's messages stop.
const SERVICE_TTL: Duration = Duration::from_secs(5);
/// How soon it counts what a template now says of lost answers.
const POLICY_TTL: Duration = Duration::from_secs(1);
/// The wait before PostgreSQL is asked again.
const TRY_AGAIN: Duration = Duration::from_millis(500);

impl Contents {
    pub fn new(store: Store, settings: &Settings) -> Self {
        // Without a key there is nothing to sign with, and no link.
        let keys = settings.security.encryption_keys().unwrap_or_default();
        let key = keys.first().map(|key| LinkKey::derive(key));
        Self {
            store,
            email_domain: settings.email.domain.clone(),
            links: key.map(|key| (settings.api.public_url(), key)),
            templates: Cache::new(TEMPLATES),
            services: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(SERVICE_TTL)
                .build(),
            when_answer_lost: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(POLICY_TTL)
                .build(),
        }
    }

    /// The content of a claimed message.
    pub async fn of(&self, row: &Claimed) -> Result<Content, NotSendable> {
        let service = self.service(row.service_id).await?;
        if !service.active {
            return Err(NotSendable::Never(Reason::ServiceInactive));
        }
        if service.is_braked(row.channel, row.key_type) {
            return Err(NotSendable::Held(Reason::BounceBrake));
        }
        let parsed = self.template(row).await?;
        let Value::Object(values) = &row.personalisation else {
            return Err(NotSendable::Never(Reason::NotRenderable));
        };
        let values = Personalisation::stored(values.clone());
        Ok(match row.channel {
            Channel::Email => {
                let layout = Layout {
                    service_name: &service.name,
                    language: Language::default(),
                };
                let (subject, body) = (&parsed.subject, &parsed.body);
                let EmailMessage {
                    subject,
                    text,
                    html,
                } = carillon_render::email_message(subject, body, &values, &layout);
                Content::Email {
                    from_name: service.name.clone(),
                    from_address: format!("{}@{}", service.email_from, self.email_domain),
                    reply_to: row.sender.clone(),
                    subject,
                    text,
                    html,
                }
            }
            Channel::Sms => Content::Sms {
                sender: row.sender.clone(),
                body: carillon_render::sms(&parsed.body, &values, None),
            },
        })
    }

    /// Where one click takes the recipient of a claimed message off the list: as the request says,
    /// or by our own link where the service wants one.
    pub async fn unsubscribe_url(&self, row: &Claimed) -> Result<Option<String>, NotSendable> {
        if row.channel != Channel::Email || row.unsubscribe_url.is_some() {
            return Ok(row.unsubscribe_url.clone());
        }
        let Some((public_url, key)) = &self.links else {
            return Ok(None);
        };
        let service = self.service(row.service_id).await?;
        let url = || link(public_url, key, row.service_id, row.id);
        Ok(service.one_click_unsubscribe.then(url))
    }

    /// What follows now that a message's answer was lost: what its template says today. However long
    /// PostgreSQL is away: nothing else may be decided, and should the lease expire meanwhile, the
    /// rescue decides by the same. What can never be read is held: no call is made that the template
    /// may forbid, and a person decides.
    pub async fn when_answer_lost(&self, row: &Claimed) -> WhenAnswerLost {
        let mut said = false;
        loop {
            let read = async {
                match carillon_store::template::when_answer_lost(&self.store, row.template_id).await
                {
                    // Removed by hand.
                    Err(Error::Gone) => Ok(WhenAnswerLost::default()),
                    read => read,
                }
            };
            let read = self.when_answer_lost.try_get_with(row.template_id, read);
            match read.await {
                Ok(policy) => return policy,
                Err(error) => {
                    if let Some(policy) = when_unreadable(&error) {
                        tracing::error!(notification.id = %row.id, %error, "cannot read what follows a lost answer; it is held");
                        return policy;
                    }
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(notification.id = %row.id, %error, "cannot read what follows a lost answer; trying on");
                    }
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        }
    }

    async fn service(&self, id: ServiceId) -> Result<Arc<Service>, NotSendable> {
        let read = async {
            carillon_store::service::read(&self.store, id)
                .await
                .map(Arc::new)
        };
        self.services
            .try_get_with(id, read)
            .await
            .map_err(|error| not_sendable(&error))
    }

    async fn template(&self, row: &Claimed) -> Result<Arc<Parsed>, NotSendable> {
        let read = async {
            let version = carillon_store::template::read_version(
                &self.store,
                row.service_id,
                row.template_id,
                row.template_version,
            )
            .await?;
            Ok::<_, Error>(Arc::new(Parsed {
                subject: Template::parse(version.subject.as_deref().unwrap_or_default()),
                body: Template::parse(&version.body),
            }))
        };
        self.templates
            .try_get_with((row.template_id, row.template_version), read)
            .await
            .map_err(|error| not_sendable(&error))
    }
}

/// What follows a lost answer if the error says that asking again is of no use.
fn when_unreadable(error: &Error) -> Option<WhenAnswerLost> {
    (!error.is_transient()).then_some(WhenAnswerLost::Hold)
}

fn not_sendable(error: &Error) -> NotSendable {
    match error {
        Error::Gone => NotSendable::Never(Reason::NotRenderable),
        other => NotSendable::NotNow(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_read_of_a_lost_answer_is_held_and_the_rest_is_read_again() {
        let never = Error::Refused("\"ask\" is not a policy".to_owned());
        assert_eq!(when_unreadable(&never), Some(WhenAnswerLost::Hold));
        let not_now = Error::Unavailable("shutting down".to_owned());
        assert_eq!(when_unreadable(&not_now), None);
    }
}
