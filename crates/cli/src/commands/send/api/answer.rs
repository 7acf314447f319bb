//! What the API says when it refuses something.

use serde_json::Value;

/// Every message of an error's body: Notify's envelope, or a problem of RFC 9457.
pub(super) fn messages(body: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let of_errors: Vec<String> = errors
        .iter()
        .filter_map(|error| {
            let message = text(&error["message"])?;
            Some(match error["field"].as_str() {
                Some(field) => format!("{field}: {message}"),
                None => message,
            })
        })
        .collect();
    if !of_errors.is_empty() {
        return of_errors;
    }
    // Notify's answer to an unknown path has a message only.
    ["title", "detail", "message"]
        .iter()
        .filter_map(|name| text(&body[*name]))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_message_of_every_kind_of_error_is_shown() {
        for (body, expected) in [
            (
                json!({ "status_code": 400, "errors": [
                    { "error": "ValidationError", "message": "a" },
                    { "error": "ValidationError", "message": "b" },
                ]}),
                "a; b",
            ),
            (
                json!({ "title": "The request is not valid", "status": 422, "errors": [
                    { "field": "recipient", "message": "Not enough digits" },
                    { "field": "personalisation.name", "message": "is missing" },
                ]}),
                "recipient: Not enough digits; personalisation.name: is missing",
            ),
            (
                json!({ "title": "Not admitted", "detail": "the token is not valid", "errors": [] }),
                "Not admitted; the token is not valid",
            ),
            (
                json!({ "result": "error", "message": "not found" }),
                "not found",
            ),
            (Value::Null, ""),
        ] {
            assert_eq!(messages(&body).join("; "), expected);
        }
    }
}
