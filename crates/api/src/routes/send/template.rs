//! The template of a send request: cached, parsed once per version.

use std::sync::Arc;

use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::personalisation::Personalisation;
use carillon_core::template::Template;
use carillon_store::Store;
use carillon_store::template::TemplateVersion;

use crate::cache::Cache;
use crate::error::NotifyError;

/// A template's current version, parsed.
pub(crate) struct Parsed {
    pub row: TemplateVersion,
    subject: Option<Template>,
    body: Template,
}

/// The templates known to this process.
pub(crate) struct Templates {
    cache: Cache<(ServiceId, TemplateId), Parsed>,
    store: Store,
}

/// What a message says once the values are in.
pub(crate) struct Filled {
    pub subject: Option<String>,
    pub body: String,
}

impl Parsed {
    /// Parses a version.
    pub fn new(row: TemplateVersion) -> Self {
        let subject = row.subject.as_deref().map(Template::parse);
        let body = Template::parse(&row.body);
        Self { row, subject, body }
    }

    /// The placeholders of subject and body, in order, each once.
    pub fn placeholders(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for template in self.subject.iter().chain([&self.body]) {
            for name in template.placeholders() {
                let is_known = names.iter().any(|known| same(known, name));
                if !is_known {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Fills in the values, checking what can be checked before anything is sent.
    pub fn fill(&self, values: &Personalisation) -> Result<Filled, NotifyError> {
        let missing: Vec<_> = self
            .placeholders()
            .into_iter()
            .filter(|name| values.get(name).is_none_or(serde_json::Value::is_null))
            .collect();
        if !missing.is_empty() {
            let names = missing.join(", ");
            return Err(NotifyError::bad_request(format!(
                "Missing personalisation: {names}"
            )));
        }
        match self.row.channel {
            Channel::Email => {
                let empty = Template::default();
                let subject = self.subject.as_ref().unwrap_or(&empty);
                let text = carillon_render::email(subject, &self.body, values);
                not_blank(&text.body)?;
                Ok(Filled {
                    subject: Some(text.subject),
                    body: text.body,
                })
            }
            Channel::Sms => {
                let body = carillon_render::sms(&self.body, values, None);
                super::check_sms_length(&body)?;
                not_blank(&body)?;
                Ok(Filled {
                    subject: None,
                    body,
                })
            }
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    use carillon_core::personalisation::comparable_name;
    comparable_name(a) == comparable_name(b)
}

fn not_blank(body: &str) -> Result<(), NotifyError> {
    if body.trim().is_empty() {
        return Err(NotifyError::bad_request("Your message is empty."));
    }
    Ok(())
}

impl Templates {
    pub const fn new(cache: Cache<(ServiceId, TemplateId), Parsed>, store: Store) -> Self {
        Self { cache, store }
    }

    /// A service's template; `None` when it has none of this id.
    pub async fn get(
        &self,
        service_id: ServiceId,
        id: TemplateId,
    ) -> carillon_store::Result<Option<Arc<Parsed>>> {
        let read = async {
            carillon_store::template::read_current(&self.store, service_id, id)
                .await
                .map(Parsed::new)
        };
        self.cache.get((service_id, id), read).await
    }
}

/// A template that may be used for this request.
pub(super) struct Usable(Arc<Parsed>);

impl Usable {
    /// Checks that it exists, is in use, and is for this channel; Notify's texts.
    pub fn check(template: Option<Arc<Parsed>>, channel: Channel) -> Result<Self, NotifyError> {
        let template = template.ok_or_else(|| NotifyError::bad_request("Template not found"))?;
        if template.row.channel != channel {
            return Err(NotifyError::bad_request(format!(
                "{} template is not suitable for {channel} notification",
                template.row.channel
            )));
        }
        if template.row.archived {
            return Err(NotifyError::bad_request("Template has been deleted"));
        }
        Ok(Self(template))
    }

    /// Fills in the values.
    pub fn fill(&self, values: &Personalisation) -> Result<Filled, NotifyError> {
        self.0.fill(values)
    }

    /// Its id.
    pub fn id(&self) -> TemplateId {
        self.0.row.id
    }

    /// Its version.
    pub fn version(&self) -> i32 {
        self.0.row.version
    }

    /// Its lane.
    pub fn lane(&self) -> Lane {
        self.0.row.lane
    }
}
