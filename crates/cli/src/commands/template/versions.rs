//! `carillon template versions`.

use anyhow::Context;
use carillon_store::template::{VersionEntry, versions};
use clap::Args;
use serde_json::json;

use super::OfTemplate;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::{Column, or_dash, table};

#[derive(Args)]
pub(crate) struct Versions {
    #[command(flatten)]
    of: OfTemplate,
    #[command(flatten)]
    output: Output,
}

impl Versions {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, output } = self;
        let versions = versions(&cx.store()?, of.of.service_id, of.template_id)
            .await
            .with_context(|| of.what())?;
        output.render(|| list(&versions), json!({ "versions": &versions }))
    }
}

fn list(versions: &[VersionEntry]) -> String {
    let columns = [
        Column::Right("VERSION"),
        Column::Left("CREATED"),
        Column::Left("BY"),
        Column::Left("SUBJECT"),
    ];
    let rows: Vec<_> = versions
        .iter()
        .map(|version| {
            [
                version.version.to_string(),
                version.created_at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
                version.created_by.clone(),
                or_dash(version.subject.as_ref()),
            ]
        })
        .collect();
    table(columns, &rows)
}
