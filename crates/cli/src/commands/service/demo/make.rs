//! Making the demo service: each part if it is missing, the keys anew.

use anyhow::{Context, anyhow};
use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::provider::{ProviderSettings, ProviderSpec};
use carillon_core::service::NewService;
use carillon_store::provider::{self, By};
use carillon_store::template::{self, NewTemplate};
use carillon_store::{Error, Store, api_key, service};

use super::Made;
use crate::commands::service::create::create;
use crate::commands::template::AUTHOR;

const NAME: &str = "Demo";
const SAFELIST: [(Channel, &str); 2] = [
    (Channel::Email, "demo.team@example.org"),
    (Channel::Sms, "+447700900111"),
];

/// Completes the demo service, and makes keys that can be shown.
pub(super) async fn make(store: &Store) -> anyhow::Result<Made> {
    let service_id = ensure_service(store).await?;
    let safelist = SAFELIST.map(|(channel, recipient)| (channel, recipient.to_owned()));
    service::extend_safelist(store, service_id, &safelist)
        .await
        .context("safelist")?;
    ensure_providers(store).await.context("providers")?;
    Ok(Made {
        service_id,
        email_template_id: ensure_template(store, service_id, email_template()).await?,
        sms_template_id: ensure_template(store, service_id, sms_template()).await?,
        live: new_key(store, service_id, "live", KeyType::Normal).await?,
        team: new_key(store, service_id, "team", KeyType::Team).await?,
        test: new_key(store, service_id, "test", KeyType::Test).await?,
    })
}

async fn ensure_service(store: &Store) -> anyhow::Result<ServiceId> {
    let services = service::list(store).await?;
    // PostgreSQL keeps names apart without regard to case, too.
    let Some(found) = services
        .iter()
        .find(|it| it.name.eq_ignore_ascii_case(NAME))
    else {
        let new = NewService {
            name: NAME.to_owned(),
            email_from: None,
            sms_sender: None,
            region: None,
            restricted: false,
            high_volume: false,
        };
        return Ok(create(store, new).await?.id);
    };
    let senders = service::senders(store, found.id).await.context("senders")?;
    if !senders
        .iter()
        .any(|sender| sender.channel == Channel::Sms && sender.is_default)
    {
        let added = service::add_sender(store, found.id, Channel::Sms, NAME, true).await;
        added.context("SMS sender")?;
    }
    Ok(found.id)
}

/// The sandbox delivers each channel that nobody delivers yet.
async fn ensure_providers(store: &Store) -> Result<(), Error> {
    let providers = provider::list(store).await?;
    for channel in Channel::ALL {
        if providers
            .iter()
            .any(|provider| provider.channel == *channel)
        {
            continue;
        }
        let sandbox = ProviderSpec {
            name: format!("sandbox-{channel}"),
            channel: *channel,
            active: true,
            weight: 100,
            rate_per_second: None,
            settings: ProviderSettings::Sandbox,
            credentials: None,
        };
        let by = By {
            actor: AUTHOR,
            reason: Some("the demo service needs somebody to deliver"),
        };
        provider::create(store, &sandbox, by).await?;
    }
    Ok(())
}

async fn ensure_template(
    store: &Store,
    service_id: ServiceId,
    new: NewTemplate,
) -> anyhow::Result<TemplateId> {
    let what = format!("template {:?}", new.name);
    let templates = template::list(store, service_id, Some(new.channel)).await;
    let templates = templates.with_context(|| what.clone())?;
    match templates.iter().find(|template| template.name == new.name) {
        Some(template) => Ok(template.id),
        None => template::create(store, service_id, new, AUTHOR)
            .await
            .context(what),
    }
}

fn email_template() -> NewTemplate {
    NewTemplate {
        channel: Channel::Email,
        name: "Demo e-mail".to_owned(),
        lane: Lane::Normal,
        when_answer_lost: WhenAnswerLost::Retry,
        subject: Some("Hello ((name))".to_owned()),
        body: "Dear ((name)),\n\nthis message came through Carillon.".to_owned(),
    }
}

fn sms_template() -> NewTemplate {
    NewTemplate {
        channel: Channel::Sms,
        name: "Demo text message".to_owned(),
        lane: Lane::Normal,
        when_answer_lost: WhenAnswerLost::Retry,
        subject: None,
        body: "Hello ((name)), this message came through Carillon.".to_owned(),
    }
}

/// A key of this name, or with the first number after it that is free.
async fn new_key(
    store: &Store,
    service_id: ServiceId,
    name: &str,
    key_type: KeyType,
) -> anyhow::Result<String> {
    for n in 1..=MOST_KEYS {
        let name = if n == 1 {
            name.to_owned()
        } else {
            format!("{name}-{n}")
        };
        match api_key::create(store, service_id, &name, key_type).await {
            Ok((_, key)) => return Ok(key),
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("key {name:?}")),
        }
    }
    Err(anyhow!(
        "there are {MOST_KEYS} keys named {name:?}: revoke some"
    ))
}

/// Against a loop without end, should a conflict ever have another cause.
const MOST_KEYS: u32 = 1000;

#[cfg(test)]
mod tests {
    use carillon_core::template::check_texts;

    use super::*;

    #[test]
    fn the_templates_keep_the_rules() {
        for new in [email_template(), sms_template()] {
            assert_eq!(
                check_texts(new.channel, new.subject.as_deref(), &new.body),
                []
            );
        }
    }
}
