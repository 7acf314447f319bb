//! `carillon template list` and `show`.

use anyhow::Context;
use carillon_store::Store;
use carillon_store::template::{self, TemplateVersion};
use clap::Args;
use serde_json::{Value, json};

use super::OfTemplate;
use crate::commands::service::OfService;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, shown, table};

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfService,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        // Without the service there would be an empty list, as if it had no templates.
        self.of.read(&store).await?;
        let templates = template::list(&store, self.of.service_id, None)
            .await
            .with_context(|| self.of.what())?;
        let json: Vec<Value> = templates.iter().map(fields).collect();
        self.output
            .render(|| list(&templates), json!({ "templates": json }))
    }
}

fn list(templates: &[TemplateVersion]) -> String {
    let columns = [
        Column::Left("ID"),
        Column::Left("NAME"),
        Column::Left("CHANNEL"),
        Column::Left("LANE"),
        Column::Right("VERSION"),
    ];
    let rows: Vec<_> = templates
        .iter()
        .map(|template| {
            [
                template.id.to_string(),
                template.name.clone(),
                template.channel.to_string(),
                template.lane.to_string(),
                template.version.to_string(),
            ]
        })
        .collect();
    table(columns, &rows)
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    of: OfTemplate,
    #[command(flatten)]
    at: AtVersion,
    #[command(flatten)]
    output: Output,
}

/// `--version`
#[derive(Args)]
pub(crate) struct AtVersion {
    /// The version; the current one if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    version: Option<i32>,
}

impl AtVersion {
    /// Reads the template as it was then.
    pub async fn read(&self, store: &Store, of: &OfTemplate) -> anyhow::Result<TemplateVersion> {
        let (service_id, id) = (of.of.service_id, of.template_id);
        match self.version {
            None => template::read_current(store, service_id, id)
                .await
                .with_context(|| of.what()),
            Some(version) => template::read_version(store, service_id, id, version)
                .await
                .with_context(|| format!("{}, version {version}", of.what())),
        }
    }
}

impl Show {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, at, output } = self;
        let template = at.read(&cx.store()?, &of).await?;
        output.render(|| show(&template), fields(&template))
    }
}

fn show(template: &TemplateVersion) -> String {
    let archived = if template.archived { ", archived" } else { "" };
    let mut lines = vec![
        format!("{} ({})", shown(&template.name), template.id),
        format!(
            "{}, lane {}, version {} by {}{archived}",
            template.channel.label(),
            template.lane,
            template.version,
            shown(&template.created_by),
        ),
        format!("when an answer is lost: {}", template.when_answer_lost),
        String::new(),
    ];
    if let Some(subject) = &template.subject {
        lines.extend([format!("Subject: {}", shown(subject)), String::new()]);
    }
    lines.extend(template.body.lines().map(shown));
    lines.join("\n")
}

fn fields(template: &TemplateVersion) -> Value {
    json!({
        "id": template.id, "name": template.name, "channel": template.channel,
        "lane": template.lane, "archived": template.archived, "version": template.version,
        "subject": template.subject, "body": template.body, "created_by": template.created_by,
        "when_answer_lost": template.when_answer_lost,
    })
}
