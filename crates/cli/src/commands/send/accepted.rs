//! What is said once the API has accepted a message.

use anyhow::anyhow;
use carillon_core::id::NotificationId;
use serde_json::Value;

use crate::commands::timeline::Following;
use crate::format::Output;

/// Reports an accepted message and, if that was asked for, what becomes of it.
pub(crate) async fn report(
    answer: &Value,
    following: Option<Following>,
    output: Output,
) -> anyhow::Result<String> {
    let id: NotificationId = answer["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| anyhow!("the API's answer names no notification"))?;
    let opening = format!("accepted notification {id}");
    match following {
        Some(following) => following.until_the_end(id, &opening, output).await,
        None => output.render(|| opening, answer),
    }
}
