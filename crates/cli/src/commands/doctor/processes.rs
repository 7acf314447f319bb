//! Carillon's processes on this host, and the API where clients reach it.

use std::net::SocketAddr;
use std::time::Duration;

use carillon_providers::http::{Target, client};
use carillon_runtime::Settings;
use serde_json::Value;

use super::address;
use super::check::Check;
use super::spelled::list;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What came of a GET.
enum Answer {
    /// A status, and a body that may be JSON.
    Status(u16, Value),
    /// Nobody took the connection.
    Nobody,
    /// Somebody did, and gave no answer in time or none of HTTP.
    Silent(String),
}

pub(super) async fn examine(settings: &Settings, checks: &mut Vec<Check>) {
    let api = address::to_call(settings.api.listen);
    let health = address::to_call(settings.health.listen);
    let public_url = match settings.api.public_url {
        Some(_) => settings.api.public_url(),
        None => format!("http://{api}"),
    };
    let urls = [
        format!("http://{api}/readyz"),
        format!("{public_url}/_status"),
        format!("http://{health}/readyz"),
    ];
    let [of_api, of_public, of_health] = &urls;
    let (of_api, of_public, of_health) = tokio::join!(get(of_api), get(of_public), get(of_health));
    checks.push(api_here(api, &of_api));
    checks.push(api_for_clients(&public_url, &of_public));
    checks.push(health_port(health, &of_health));
}

async fn get(url: &str) -> Answer {
    let is_plain = url.starts_with("http:");
    let target = if is_plain {
        Target::Neighbour
    } else {
        Target::Internet
    };
    let client = match client(target, CONNECT_WITHIN) {
        Ok(client) => client,
        Err(error) => return Answer::Silent(error.to_string()),
    };
    match client.get(url).timeout(ANSWER_WITHIN).send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.bytes().await.unwrap_or_default();
            Answer::Status(status, serde_json::from_slice(&body).unwrap_or_default())
        }
        Err(error) if error.is_connect() => Answer::Nobody,
        Err(error) if error.is_timeout() => Answer::Silent("no answer in time".to_owned()),
        Err(error) => Answer::Silent(error.without_url().to_string()),
    }
}

fn api_here(address: SocketAddr, answer: &Answer) -> Check {
    const NAME: &str = "API here";
    match answer {
        Answer::Status(200, _) => Check::ok(NAME, format!("ready at {address}")),
        Answer::Nobody => {
            Check::skipped(NAME, format!("nothing listens at {address} of this host"))
        }
        other => not_ready(NAME, &address.to_string(), other, "carillon-api"),
    }
}

fn health_port(address: SocketAddr, answer: &Answer) -> Check {
    const NAME: &str = "health port";
    match answer {
        Answer::Status(200, _) => Check::ok(NAME, format!("the process at {address} is ready")),
        Answer::Nobody => {
            Check::skipped(NAME, format!("nothing listens at {address} of this host"))
        }
        other => not_ready(NAME, &address.to_string(), other, "that process"),
    }
}

/// Something is there and not well.
fn not_ready(name: &'static str, address: &str, answer: &Answer, process: &str) -> Check {
    let found = match answer {
        Answer::Status(503, body) => match &*components_down(body) {
            [] => format!("{address} is not ready"),
            down => format!("{address} is not ready: {}", list(down)),
        },
        Answer::Status(status, _) => format!("{address} answers {status}: something else is there"),
        Answer::Silent(why) => format!("{address} takes the connection: {why}"),
        Answer::Nobody => format!("nothing listens at {address}"),
    };
    let todo = format!("see the log of {process}; if it hangs, restart it");
    Check::problem(name, found, todo)
}

/// Names in the body of `/readyz` that are not ready.
fn components_down(body: &Value) -> Vec<&str> {
    let components = body["components"].as_object();
    let components = components.into_iter().flatten();
    components
        .filter(|(_, is_ready)| **is_ready == Value::Bool(false))
        .map(|(name, _)| &**name)
        .collect()
}

fn api_for_clients(url: &str, answer: &Answer) -> Check {
    const NAME: &str = "API for clients";
    let todo = "start carillon-api, or look at what is between it and its clients; if they reach it \
                elsewhere, set api.public_url";
    match answer {
        Answer::Status(200, body) if body["status"] == "ok" => {
            Check::ok(NAME, format!("{url} answers"))
        }
        Answer::Status(status, _) => {
            Check::problem(NAME, format!("{url}/_status answers {status}"), todo)
        }
        Answer::Nobody => Check::problem(NAME, format!("{url} cannot be reached"), todo),
        Answer::Silent(why) => Check::problem(NAME, format!("{url}/_status: {why}"), todo),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::State;
    use super::*;

    fn here() -> SocketAddr {
        "127.0.0.1:6011".parse().unwrap()
    }

    #[test]
    fn an_api_that_is_not_on_this_host_is_no_problem_of_this_host() {
        assert_eq!(api_here(here(), &Answer::Nobody).state, State::Skipped);
        assert_eq!(health_port(here(), &Answer::Nobody).state, State::Skipped);
        let for_clients = api_for_clients("http://127.0.0.1:6011", &Answer::Nobody);
        assert_eq!(for_clients.state, State::Problem);
        assert!(for_clients.todo.unwrap().contains("start carillon-api"));
    }

    #[test]
    fn what_is_not_ready_is_named() {
        let body = json!({"ready": false, "components": {"amqp-publisher": false, "http": true}});
        let check = api_here(here(), &Answer::Status(503, body));
        assert_eq!(check.state, State::Problem);
        assert_eq!(check.found, "127.0.0.1:6011 is not ready: amqp-publisher");
    }

    #[test]
    fn a_stranger_on_the_port_is_a_problem() {
        for answer in [
            Answer::Status(404, Value::Null),
            Answer::Silent("no answer in time".to_owned()),
        ] {
            assert_eq!(health_port(here(), &answer).state, State::Problem);
            assert_eq!(
                api_for_clients("https://example.org", &answer).state,
                State::Problem
            );
        }
        // A page that a balancer shows is not the API.
        let page = Answer::Status(200, Value::Null);
        assert_eq!(
            api_for_clients("https://example.org", &page).state,
            State::Problem
        );
    }
}
