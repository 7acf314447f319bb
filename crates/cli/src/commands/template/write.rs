//! `carillon template create`, `edit`, `set-lane`, `when-answer-lost` and `archive`.

use anyhow::Context;
use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::channel::Channel;
use carillon_core::lane::Lane;
use carillon_store::template::{self, Changes, NewTemplate};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::texts::{Body, check};
use super::{AUTHOR, OfTemplate};
use crate::commands::service::OfService;
use crate::cx::Cx;
use crate::format::Output;
use crate::parse;

#[derive(Args)]
#[group(id = "new_body", required = true, args = ["body", "body_file"])]
pub(crate) struct Create {
    #[command(flatten)]
    of: OfService,
    /// Its name
    #[arg(value_parser = parse::name)]
    name: String,
    /// What it is for
    #[arg(long, value_parser = parse::channel())]
    channel: Channel,
    /// The subject; e-mail has one, a text message has none
    #[arg(long)]
    subject: Option<String>,
    #[command(flatten)]
    body: Body,
    /// How urgent its messages are
    #[arg(long, value_parser = parse::lane(), default_value = Lane::Normal.as_str())]
    lane: Lane,
    /// What follows when a provider may have a message and its answer was lost
    #[arg(long, value_parser = parse::when_answer_lost(), default_value = WhenAnswerLost::Retry.as_str())]
    when_answer_lost: WhenAnswerLost,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: CreateFormat,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum CreateFormat {
    /// For people
    #[default]
    Text,
    /// For scripts: the body of the management API
    Json,
    /// Nothing but the id, for a variable of a shell
    Id,
}

impl Create {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            name,
            channel,
            subject,
            body,
            lane,
            when_answer_lost,
            format,
        } = self;
        let body = body.read()?.unwrap_or_default();
        check(channel, subject.as_deref(), &body)?;
        let new = NewTemplate {
            channel,
            name,
            lane,
            when_answer_lost,
            subject,
            body,
        };
        let id = template::create(&cx.store()?, of.service_id, new, AUTHOR)
            .await
            .with_context(|| of.what())?;
        let json = json!({ "id": id, "version": 1, "lane": lane });
        Ok(match format {
            CreateFormat::Text => format!("created template {id}"),
            CreateFormat::Json => serde_json::to_string_pretty(&json)?,
            CreateFormat::Id => id.to_string(),
        })
    }
}

#[derive(Args)]
#[group(id = "changed_text", required = true, multiple = true, args = ["subject", "body", "body_file"])]
pub(crate) struct Edit {
    #[command(flatten)]
    of: OfTemplate,
    /// The new subject
    #[arg(long)]
    subject: Option<String>,
    #[command(flatten)]
    body: Body,
    #[command(flatten)]
    output: Output,
}

impl Edit {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            subject,
            body,
            output,
        } = self;
        let (service_id, id) = (of.of.service_id, of.template_id);
        let body = body.read()?;
        let store = cx.store()?;
        let old = template::read_current(&store, service_id, id)
            .await
            .with_context(|| of.what())?;
        let (subject, body) = (subject.or(old.subject), body.unwrap_or(old.body));
        check(old.channel, subject.as_deref(), &body)?;
        let version = template::add_version(&store, service_id, id, subject, body, AUTHOR)
            .await
            .with_context(|| of.what())?;
        let json = json!({ "id": id, "version": version });
        output.render(|| format!("template {id} is at version {version}"), json)
    }
}

#[derive(Args)]
pub(crate) struct SetLane {
    #[command(flatten)]
    of: OfTemplate,
    /// How urgent its messages are
    #[arg(value_parser = parse::lane())]
    lane: Lane,
}

impl SetLane {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, lane } = self;
        let changes = Changes {
            lane: Some(lane),
            ..Changes::default()
        };
        change(cx, &of, changes).await?;
        Ok(format!("template {} is in lane {lane}", of.template_id))
    }
}

async fn change(cx: &Cx, of: &OfTemplate, changes: Changes) -> anyhow::Result<()> {
    template::update(&cx.store()?, of.of.service_id, of.template_id, changes)
        .await
        .with_context(|| of.what())
}

#[derive(Args)]
pub(crate) struct SetWhenAnswerLost {
    #[command(flatten)]
    of: OfTemplate,
    /// What follows
    #[arg(value_parser = parse::when_answer_lost())]
    policy: WhenAnswerLost,
}

impl SetWhenAnswerLost {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, policy } = self;
        let changes = Changes {
            when_answer_lost: Some(policy),
            ..Changes::default()
        };
        change(cx, &of, changes).await?;
        Ok(format!(
            "template {}: {policy} when an answer is lost",
            of.template_id
        ))
    }
}

#[derive(Args)]
pub(crate) struct Archive {
    #[command(flatten)]
    of: OfTemplate,
}

impl Archive {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let of = self.of;
        let changes = Changes {
            archived: Some(true),
            ..Changes::default()
        };
        change(cx, &of, changes).await?;
        Ok(format!("archived template {}", of.template_id))
    }
}
