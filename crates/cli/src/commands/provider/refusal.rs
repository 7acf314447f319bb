//! Fields of a provider that are not as they must be, by the arguments that they came from.

use anyhow::anyhow;
use carillon_core::service::BadField;

use crate::failure::Fault;

/// Names every argument that is wrong.
pub(crate) fn refused(fields: Vec<BadField>) -> anyhow::Error {
    let lines: Vec<String> = fields
        .into_iter()
        .map(|BadField { field, message }| format!("{}: {message}", argument(field)))
        .collect();
    anyhow!(lines.join("; ")).context(Fault::Arguments)
}

fn argument(field: &str) -> String {
    match field {
        "name" => "NAME".to_owned(),
        "settings.ca_pem" => "--ca-file".to_owned(),
        // Nothing finer is known: the message names the field.
        "settings" | "credentials" => field.to_owned(),
        field => {
            let name = field.strip_prefix("settings.").unwrap_or(field);
            format!("--{}", name.replace('_', "-"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_that_is_wrong_is_named() {
        let bad = |field| BadField {
            field,
            message: "no".to_owned(),
        };
        let fields = [
            "name",
            "settings.max_connections",
            "settings.ca_pem",
            "weight",
        ];
        let error = refused(fields.map(bad).into());
        assert_eq!(
            format!("{error:#}"),
            "bad arguments: NAME: no; --max-connections: no; --ca-file: no; --weight: no"
        );
    }
}
