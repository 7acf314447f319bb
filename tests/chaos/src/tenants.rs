//! The services of a run: made over the management API, each with templates, a key and a receiver.

use anyhow::{Context, ensure};
use carillon_test_support::{Stack, WebhookReceiver};
use serde_json::{Value, json};

use crate::history;
use crate::work::{TENANTS, marker};

/// A service.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name, marker and path.
    pub facts: history::Tenant,
    /// Its id.
    pub id: String,
    /// The `Authorization` of its key.
    pub auth: String,
    /// What must not be seen anywhere.
    pub secrets: Vec<String>,
    /// Its templates, by id.
    pub templates: Templates,
}

/// Ids of templates.
#[derive(Debug, Clone)]
pub struct Templates {
    /// E-mail.
    pub email: String,
    /// SMS.
    pub sms: String,
    /// E-mail of the priority lane.
    pub urgent_email: String,
    /// SMS of the priority lane.
    pub urgent_sms: String,
}

/// Makes the services and registers their receivers.
///
/// # Errors
/// When the API refuses something.
pub async fn create(
    stack: &Stack,
    receiver: &WebhookReceiver,
    seed: u64,
) -> anyhow::Result<Vec<Tenant>> {
    let mut tenants = Vec::new();
    for n in 0..TENANTS {
        tenants.push(one(stack, receiver, seed, n).await?);
    }
    Ok(tenants)
}

async fn one(
    stack: &Stack,
    receiver: &WebhookReceiver,
    seed: u64,
    n: usize,
) -> anyhow::Result<Tenant> {
    let name = ["Alder", "Birch"][n % TENANTS];
    let service = post(stack, "/api/services", &json!({ "name": name })).await?;
    let id = text(&service, "id")?;
    let base = format!("/api/services/{id}");
    let new = json!({ "name": "chaos", "key_type": "normal" });
    let key = text(&post(stack, &format!("{base}/keys"), &new).await?, "key")?;
    let template = async |channel: &str, lane: &str| -> anyhow::Result<String> {
        let subject = (channel == "email").then_some("For ((name))");
        let new = json!({
            "channel": channel, "name": format!("{channel} {lane}"), "lane": lane,
            "subject": subject, "body": "Dear ((name)), this is a fault run.",
        });
        text(
            &post(stack, &format!("{base}/templates"), &new).await?,
            "id",
        )
    };
    let templates = Templates {
        email: template("email", "normal").await?,
        sms: template("sms", "normal").await?,
        urgent_email: template("email", "priority").await?,
        urgent_sms: template("sms", "priority").await?,
    };
    let path = format!("/ok/{name}");
    let token = format!("token-of-{name}-{seed:x}");
    let new = json!({
        "kind": "delivery-status", "url": receiver.url(&path), "bearer_token": token,
    });
    let callback = post(stack, &format!("{base}/callbacks"), &new).await?;
    let signing = text(&callback, "secret")?;
    receiver.trust(&signing);
    // The secret of a key is its last five groups.
    let secret = key.chars().skip(key.len().saturating_sub(36)).collect();
    Ok(Tenant {
        facts: history::Tenant {
            name: name.to_owned(),
            marker: marker(seed, n),
            path,
        },
        id,
        auth: format!("ApiKey-v1 {key}"),
        secrets: vec![secret, token, signing],
        templates,
    })
}

async fn post(stack: &Stack, path: &str, body: &Value) -> anyhow::Result<Value> {
    let admin = stack.admin();
    let asked = stack.request(reqwest::Method::POST, path, &admin, Some(body));
    let (status, answer) = asked.await?;
    ensure!(status == 201, "POST {path}: {status} {answer}");
    Ok(answer)
}

fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    let value = answer[field].as_str();
    Ok(value
        .with_context(|| format!("no {field} in {answer}"))?
        .to_owned())
}
