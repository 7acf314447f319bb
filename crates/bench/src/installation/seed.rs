//! A service, its key and a template of three placeholders, as an operator would make them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, anyhow};
use carillon_core::lane::Lane;
use carillon_test_support::Process;
use serde_json::Value;

use crate::load::Target;

const SUBJECT: &str = "Your payment ((reference))";
const BODY: &str = "Dear ((name)),\n\nwe have received your payment of £((amount)) with the \
    reference ((reference)).\n\nYou need not do anything else. If you did not make this payment, \
    call us on the number on the back of your card.\n\nYours,\n\nThe payments team";

/// The environment of an installation's processes.
type Env = BTreeMap<&'static str, String>;

/// Makes them with the command line tool.
pub(super) async fn run(address: SocketAddr, env: &Env) -> anyhow::Result<Target> {
    let demo = carillon(env, &["service", "demo", "--format", "env"]).await?;
    let (service_id, key) = (exported(&demo, "SERVICE_ID")?, exported(&demo, "API_KEY")?);
    with_template(address, env, service_id, &key).await
}

/// Makes a service of this name with a key and the template.
pub(super) async fn another(address: SocketAddr, env: &Env, name: &str) -> anyhow::Result<Target> {
    let service = carillon_json(env, &["service", "create", name]).await?;
    let service_id = text(&service, "id")?;
    let create = ["key", "create", &service_id, "live", "--type", "live"];
    let key = text(&carillon_json(env, &create).await?, "key")?;
    with_template(address, env, service_id, &key).await
}

/// Registers a callback for delivery statuses.
pub(super) async fn call_back(env: &Env, service_id: &str, url: &str) -> anyhow::Result<()> {
    let mut env = env.clone();
    env.insert(
        "CARILLON_CALLBACK_TOKEN",
        "the-token-of-a-benchmark".to_owned(),
    );
    let kind = ["--kind", "delivery-status", "--url", url];
    let add = [&["callback", "add", service_id][..], &kind[..]].concat();
    carillon(&env, &add).await.map(|_| ())
}

async fn with_template(
    address: SocketAddr,
    env: &Env,
    service_id: String,
    key: &str,
) -> anyhow::Result<Target> {
    let template_id = template(env, &service_id, &[]).await?;
    // A full key ends in its secret, a UUID.
    let secret = key
        .get(key.len().saturating_sub(36)..)
        .context("a key that is no text")?;
    Ok(Target {
        address,
        service_id,
        secret: secret.to_owned(),
        template_id,
    })
}

/// Makes the same template in a lane and returns its id.
pub(super) async fn template_in_lane(
    env: &Env,
    service_id: &str,
    lane: Lane,
) -> anyhow::Result<String> {
    template(env, service_id, &["--lane", lane.as_str()]).await
}

async fn template(env: &Env, service_id: &str, more: &[&str]) -> anyhow::Result<String> {
    let create = ["template", "create", service_id, "Benchmark"];
    let texts = ["--channel", "email", "--subject", SUBJECT, "--body", BODY];
    let made = carillon_json(env, &[&create[..], &texts[..], more].concat()).await?;
    text(&made, "id")
}

async fn carillon_json(env: &Env, args: &[&str]) -> anyhow::Result<Value> {
    let printed = carillon(env, &[args, &["--format", "json"][..]].concat()).await?;
    serde_json::from_str(&printed).with_context(|| format!("carillon {}", args.join(" ")))
}

fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    let value = answer[field].as_str();
    Ok(value
        .with_context(|| format!("no {field} in the answer"))?
        .to_owned())
}

async fn carillon(env: &Env, args: &[&str]) -> anyhow::Result<String> {
    let done = Process::run("carillon", env.clone(), args).await;
    done.map_err(|error| anyhow!("carillon {}: {error}", args.join(" ")))
}

/// A value of the `export NAME='value'` lines.
fn exported(lines: &str, name: &str) -> anyhow::Result<String> {
    let start = format!("export {name}=");
    let value = lines.lines().find_map(|line| line.strip_prefix(&start));
    let value = value.with_context(|| format!("carillon service demo printed no {name}"))?;
    Ok(value.trim_matches(['\'', '"']).to_owned())
}
