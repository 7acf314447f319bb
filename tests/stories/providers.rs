//! Providers by administrators: added, changed, tried and removed, and their credentials never seen
//! again.

mod command_line;
mod domain;
mod http;
mod lost_key;
mod shell;
mod trial;
mod unfit;

use carillon_test_support::Stack;
use reqwest::Method;
use serde_json::Value;

/// What must be seen nowhere.
const SECRET: &str = "correct-horse-battery";

async fn call(stack: &Stack, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = (!body.is_null()).then_some(&body);
    stack
        .request(method, path, &stack.admin(), body)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error:?}"))
}
