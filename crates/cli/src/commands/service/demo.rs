//! `carillon service demo`.

use anyhow::{Context, anyhow};
use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::service::NewService;
use carillon_store::provider::{self, Provider};
use carillon_store::template::{self, NewTemplate};
use carillon_store::{Error, Store, api_key, service};
use clap::{Args, ValueEnum};

use super::create::create;
use crate::commands::template::AUTHOR;
use crate::cx::Cx;

const AFTER_HELP: &str = "\
Running it again completes what is missing and makes three new keys, since keys are shown only once.

Examples:
  carillon service demo
  eval \"$(carillon service demo --format env)\"";

const NAME: &str = "Demo";
const SAFELIST: [(Channel, &str); 2] = [
    (Channel::Email, "demo.team@example.org"),
    (Channel::Sms, "+447700900111"),
];

/// Create a service to try Carillon with: templates, keys, safelist and the sandbox as provider
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Demo {
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: DemoFormat,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum DemoFormat {
    /// For people
    #[default]
    Text,
    /// `export NAME=value` lines for a shell
    Env,
}

impl Demo {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let made = make(&cx.store_with_keys()?)
            .await
            .context("the demo service")?;
        Ok(match self.format {
            DemoFormat::Text => made.text(),
            DemoFormat::Env => made.env(),
        })
    }
}

/// The demo service as it stands now. Has no `Debug`: it holds keys.
struct Made {
    service_id: ServiceId,
    live: String,
    team: String,
    test: String,
    email_template_id: TemplateId,
    sms_template_id: TemplateId,
}

async fn make(store: &Store) -> anyhow::Result<Made> {
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
        let sandbox = Provider {
            name: format!("sandbox-{channel}"),
            kind: "sandbox".to_owned(),
            channel: *channel,
            active: true,
            weight: 100,
        };
        provider::put(store, &sandbox).await?;
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
        subject: Some("Hello ((name))".to_owned()),
        body: "Dear ((name)),\n\nthis message came through Carillon.".to_owned(),
    }
}

fn sms_template() -> NewTemplate {
    NewTemplate {
        channel: Channel::Sms,
        name: "Demo text message".to_owned(),
        lane: Lane::Normal,
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

impl Made {
    fn env(&self) -> String {
        [
            ("SERVICE_ID", self.service_id.to_string()),
            ("API_KEY", self.live.clone()),
            ("API_KEY_TEAM", self.team.clone()),
            ("API_KEY_TEST", self.test.clone()),
            ("EMAIL_TEMPLATE_ID", self.email_template_id.to_string()),
            ("SMS_TEMPLATE_ID", self.sms_template_id.to_string()),
        ]
        .map(|(name, value)| format!("export {name}={value}\n"))
        .concat()
    }

    fn text(&self) -> String {
        let facts = [
            ("service", self.service_id.to_string()),
            ("e-mail template", self.email_template_id.to_string()),
            ("SMS template", self.sms_template_id.to_string()),
            ("live key", self.live.clone()),
            ("team key", self.team.clone()),
            ("test key", self.test.clone()),
        ]
        .map(|(label, value)| format!("{label:<15}  {value}\n"));
        format!("{}The keys are not shown again.", facts.concat())
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::template::check_texts;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn env_is_nothing_but_exports() {
        let made = Made {
            service_id: ServiceId(Uuid::from_u128(1)),
            live: "live-1-2".to_owned(),
            team: "team-1-3".to_owned(),
            test: "test-1-4".to_owned(),
            email_template_id: TemplateId(Uuid::from_u128(5)),
            sms_template_id: TemplateId(Uuid::from_u128(6)),
        };
        insta::assert_snapshot!(made.env(), @r"
        export SERVICE_ID=00000000-0000-0000-0000-000000000001
        export API_KEY=live-1-2
        export API_KEY_TEAM=team-1-3
        export API_KEY_TEST=test-1-4
        export EMAIL_TEMPLATE_ID=00000000-0000-0000-0000-000000000005
        export SMS_TEMPLATE_ID=00000000-0000-0000-0000-000000000006
        ");
    }

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
