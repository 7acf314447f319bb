//! What an answer of the API, or the lack of one, tells the client.

use reqwest::Response;
use serde_json::Value;

use crate::history::Outcome;

pub(super) async fn read(answer: reqwest::Result<Response>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        // No connection: nothing was sent.
        Err(error) if error.is_connect() => return Outcome::NotSent,
        Err(error) if error.is_timeout() => return unknown("no answer in time"),
        Err(_) => return unknown("connection lost"),
    };
    let status = answer.status().as_u16();
    let body = answer.text().await;
    match (status, body) {
        (200..300, Ok(body)) => accepted(body),
        // It was accepted; by which id, nobody has heard.
        (200..300, Err(_)) => unknown("answer cut off"),
        // The server, starved of time, had not read the request.
        (408, _) => Outcome::NotSent,
        (409, _) => Outcome::Busy,
        (429, _) => Outcome::Limited,
        (400..500, body) => Outcome::Refused {
            status,
            body: body.unwrap_or_default(),
        },
        (_, body) => unknown(&format!("status {status}: {}", body.unwrap_or_default())),
    }
}

/// The answer's id: of the message, or of the job.
fn accepted(body: String) -> Outcome {
    let json: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let id = json["id"].as_str().or(json["data"]["id"].as_str());
    match id {
        Some(id) => Outcome::Accepted {
            id: Some(id.to_owned()),
            body,
        },
        None => unknown("2xx without an id"),
    }
}

fn unknown(what: &str) -> Outcome {
    Outcome::Unknown {
        what: what.to_owned(),
    }
}
