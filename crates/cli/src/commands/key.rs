//! `carillon key`.

use anyhow::Context;
use carillon_core::api_key::KeyType;
use carillon_core::id::ApiKeyId;
use carillon_store::api_key::{self, Listed};
use carillon_store::health;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::service::OfService;
use crate::cx::Cx;
use crate::format::Output;
use crate::parse;
use crate::table::{Column, or_dash, table};

const CREATE_HELP: &str = "\
Example:
  carillon key create 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42 website --type live";

/// What can be done with keys.
#[derive(Subcommand)]
pub(crate) enum Key {
    /// Create a key and print it, this once
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// List a service's keys, revoked ones too, without their secrets
    List(List),
    /// Revoke a key: within a second it is refused everywhere
    Revoke(Revoke),
}

impl Key {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        match self {
            Self::Create(command) => command.run(cx).await,
            Self::List(command) => command.run(cx).await,
            Self::Revoke(command) => command.run(cx).await,
        }
    }
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    of: OfService,
    /// Its name, with which the key begins
    #[arg(value_parser = parse::name)]
    name: String,
    /// Whom it reaches
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    key_type: Reach,
    #[command(flatten)]
    output: Output,
}

/// A key's type, in the words of people.
#[derive(Clone, Copy, ValueEnum)]
enum Reach {
    /// Sends to anyone
    Live,
    /// Sends to the service's team and safelist only
    Team,
    /// Sends to nobody: everything goes to the sandbox
    Test,
}

impl From<Reach> for KeyType {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::Live => Self::Normal,
            Reach::Team => Self::Team,
            Reach::Test => Self::Test,
        }
    }
}

/// The type as [`Reach`] spells it.
const fn reach(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Normal => "live",
        KeyType::Team => "team",
        KeyType::Test => "test",
    }
}

impl Create {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            of,
            name,
            key_type,
            output,
        } = self;
        let key_type = KeyType::from(key_type);
        let (id, key) = api_key::create(&cx.store_with_keys()?, of.service_id, &name, key_type)
            .await
            .with_context(|| format!("{} and key {name:?}", of.what()))?;
        let json = json!({ "id": id, "name": &name, "key_type": key_type, "key": &key });
        output.render(
            || format!("{key}\nThis is key {id}. It is not shown again."),
            json,
        )
    }
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfService,
    #[command(flatten)]
    output: Output,
}

impl List {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.store()?;
        // Without the service there would be an empty list, as if it had no keys.
        self.of.read(&store).await?;
        let keys = api_key::list(&store, self.of.service_id)
            .await
            .with_context(|| self.of.what())?;
        self.output.render(|| list(&keys), json!({ "keys": keys }))
    }
}

fn list(keys: &[Listed]) -> String {
    let columns = [
        Column::Left("ID"),
        Column::Left("NAME"),
        Column::Left("TYPE"),
        Column::Left("REVOKED"),
    ];
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            [
                key.id.to_string(),
                key.name.clone(),
                reach(key.key_type).to_owned(),
                or_dash(key.revoked_at.map(|at| at.format("%Y-%m-%d %H:%M:%SZ"))),
            ]
        })
        .collect();
    table(columns, &rows)
}

#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    of: OfService,
    /// The key's id, as shown by `carillon key list`
    #[arg(value_name = "KEY_ID", value_parser = parse::id::<ApiKeyId>)]
    key_id: ApiKeyId,
}

impl Revoke {
    async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self { of, key_id } = self;
        let what = || format!("{} and key {key_id}", of.what());
        let store = cx.store()?;
        let now = health::now(&store).await.with_context(what)?;
        api_key::revoke(&store, of.service_id, key_id, now)
            .await
            .with_context(what)?;
        Ok(format!("revoked key {key_id}"))
    }
}
