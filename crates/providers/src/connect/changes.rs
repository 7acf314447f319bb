//! Changes of a provider that is there, checked as a new one is.

use carillon_core::provider::{NewProvider, ProviderSpec};
use carillon_core::service::BadField;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What is to become of a provider; what is left out stays as it is.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Whether it takes messages.
    #[serde(default)]
    pub active: Option<bool>,
    /// Its share among the channel's providers, 0 to 100.
    #[serde(default)]
    pub weight: Option<i32>,
    /// Settings to change; `null` takes one back to its default.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Other credentials; `null` takes them away.
    #[serde(default, deserialize_with = "present")]
    pub credentials: Option<Option<Value>>,
}

/// Tells `null` from a field that is left out.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Value>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Changes {
    /// The provider as it will be.
    ///
    /// # Errors
    /// Every field that would not be as it must be, by its path.
    pub fn apply(self, spec: ProviderSpec) -> Result<ProviderSpec, Vec<BadField>> {
        let kind = spec.settings.kind();
        let mut settings = spec.settings.to_json();
        if let Value::Object(fields) = &mut settings {
            for (name, value) in self.settings {
                match value {
                    Value::Null => fields.remove(&name),
                    value => fields.insert(name, value),
                };
            }
        }
        NewProvider {
            name: spec.name,
            kind,
            channel: Some(spec.channel),
            active: self.active.unwrap_or(spec.active),
            weight: self.weight.unwrap_or(spec.weight),
            settings,
            credentials: self
                .credentials
                .unwrap_or_else(|| spec.credentials.map(|credentials| credentials.to_json())),
        }
        .check()
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::provider::{ProviderSettings, SmtpTls};
    use serde_json::json;

    use super::*;

    fn relay() -> ProviderSpec {
        let new: NewProvider = serde_json::from_value(json!({
            "name": "relay", "kind": "smtp", "weight": 40,
            "settings": {"host": "mail.example.org", "port": 2525},
            "credentials": {"username": "ada", "password": "hunter2"},
        }))
        .unwrap();
        new.check().unwrap()
    }

    fn changed(changes: Value) -> Result<ProviderSpec, Vec<&'static str>> {
        let changes: Changes = serde_json::from_value(changes).unwrap();
        let fields = |errors: Vec<BadField>| errors.into_iter().map(|e| e.field).collect();
        changes.apply(relay()).map_err(fields)
    }

    #[test]
    fn what_is_left_out_stays() {
        assert_eq!(changed(json!({})), Ok(relay()));
        let off = ProviderSpec {
            active: false,
            ..relay()
        };
        assert_eq!(changed(json!({"active": false})), Ok(off));
    }

    #[test]
    fn settings_change_one_by_one_and_null_takes_one_back() {
        let spec = changed(json!({"settings": {"port": null, "tls": "implicit"}})).unwrap();
        let ProviderSettings::Smtp(smtp) = &spec.settings else {
            panic!("{spec:?}");
        };
        assert_eq!(
            (smtp.host.as_str(), smtp.tls),
            ("mail.example.org", SmtpTls::Implicit)
        );
        assert_eq!(smtp.port(), 465);
        assert_eq!(spec.credentials, relay().credentials);
    }

    #[test]
    fn credentials_are_replaced_as_a_whole_or_taken_away() {
        let other = json!({"username": "bob", "password": "p"});
        let spec = changed(json!({"credentials": other})).unwrap();
        assert_eq!(spec.credentials.map(|c| c.to_json()), Some(other));
        assert_eq!(
            changed(json!({"credentials": null})).unwrap().credentials,
            None
        );
        assert_eq!(
            changed(json!({"credentials": {"username": "bob"}})),
            Err(vec!["credentials"])
        );
    }

    #[test]
    fn a_change_is_checked_together_with_what_stays() {
        // The password that is there would be sent in the clear.
        assert_eq!(
            changed(json!({"settings": {"tls": "none"}})),
            Err(vec!["settings.tls"])
        );
        assert_eq!(
            changed(json!({"settings": {"region": "x"}})),
            Err(vec!["settings"])
        );
        assert_eq!(changed(json!({"weight": 101})), Err(vec!["weight"]));
    }
}
