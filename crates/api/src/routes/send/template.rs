//! The template of a send request: cached, parsed once per version.

use std::collections::HashSet;
use std::sync::Arc;

use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::personalisation::{Personalisation, comparable_name};
use carillon_core::sms;
use carillon_core::template::{Segment, Template};
use carillon_render::{EmailMessage, Language, Layout, email_message};
use carillon_store::Store;
use carillon_store::template::TemplateVersion;

use crate::cache::Cache;
use crate::error::NotifyError;

/// A template's current version, parsed.
pub(crate) struct Parsed {
    pub row: TemplateVersion,
    /// Empty for a text message.
    subject: Template,
    body: Template,
    placeholders: Vec<String>,
    /// Whatever the values are, something is left to send.
    is_never_empty: bool,
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

/// Why values do not make a message; GOV.UK's texts.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfillable {
    /// Placeholders without a value.
    #[error("Missing personalisation: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Nothing but white space would be sent.
    #[error("Your message is empty.")]
    Empty,
    /// More characters than an SMS may have.
    #[error(
        "Text messages cannot be longer than {max} characters. Your message is {0} characters long.",
        max = sms::MAX_CHARACTERS
    )]
    TooLong(usize),
}

impl From<Unfillable> for NotifyError {
    fn from(error: Unfillable) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl Parsed {
    /// Parses a version.
    pub fn new(row: TemplateVersion) -> Self {
        let subject = Template::parse(row.subject.as_deref().unwrap_or_default());
        let body = Template::parse(&row.body);
        let is_never_empty = body
            .segments()
            .iter()
            .any(|segment| matches!(segment, Segment::Text(text) if !text.trim().is_empty()));
        let mut seen = HashSet::new();
        let placeholders = [&subject, &body]
            .into_iter()
            .flat_map(Template::placeholders)
            .filter(|name| seen.insert(comparable_name(name)))
            .cloned()
            .collect();
        Self {
            row,
            subject,
            body,
            placeholders,
            is_never_empty,
        }
    }

    /// The placeholders of subject and body, in order, each once.
    pub fn placeholders(&self) -> &[String] {
        &self.placeholders
    }

    /// The placeholders without a value, in order, each once.
    pub fn missing(&self, values: &Personalisation) -> Vec<String> {
        let is_missing = |name: &&String| values.get(name).is_none();
        self.placeholders
            .iter()
            .filter(is_missing)
            .cloned()
            .collect()
    }

    /// Fills in the values, checking what can be checked before anything is sent.
    pub fn fill(&self, values: &Personalisation) -> Result<Filled, Unfillable> {
        let missing = self.missing(values);
        if !missing.is_empty() {
            return Err(Unfillable::Missing(missing));
        }
        self.filled(values)
    }

    /// What [`Parsed::fill`] does once no value is missing.
    fn filled(&self, values: &Personalisation) -> Result<Filled, Unfillable> {
        let filled = self.show(values);
        let n = filled.body.chars().count();
        if self.row.channel == Channel::Sms && n > sms::MAX_CHARACTERS {
            return Err(Unfillable::TooLong(n));
        }
        if filled.body.trim().is_empty() {
            return Err(Unfillable::Empty);
        }
        Ok(filled)
    }

    /// Checks what [`Parsed::fill`] does of values of which none is missing, but writes nothing that
    /// need not be looked at: for many messages of one template.
    pub fn check_filled(&self, values: &Personalisation) -> Result<(), Unfillable> {
        if self.row.channel == Channel::Email && self.is_never_empty {
            return Ok(());
        }
        self.filled(values).map(drop)
    }

    /// The e-mail as it is sent, with what values there are.
    pub fn email(&self, service_name: &str, values: &Personalisation) -> EmailMessage {
        let layout = Layout {
            service_name,
            language: Language::default(),
        };
        email_message(&self.subject, &self.body, values, &layout)
    }

    /// Fills in what values there are and checks nothing; a marker without one stays as written.
    pub fn show(&self, values: &Personalisation) -> Filled {
        match self.row.channel {
            Channel::Email => {
                let text = carillon_render::email(&self.subject, &self.body, values);
                Filled {
                    subject: Some(text.subject),
                    body: text.body,
                }
            }
            Channel::Sms => Filled {
                subject: None,
                body: carillon_render::sms(&self.body, values, None),
            },
        }
    }
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
        let usable = Self::found(template)?;
        if usable.channel() != channel {
            return Err(NotifyError::bad_request(format!(
                "{} template is not suitable for {channel} notification",
                usable.channel()
            )));
        }
        usable.check_in_use()?;
        Ok(usable)
    }

    /// Checks that it exists, for whoever takes its channel as it is.
    pub fn found(template: Option<Arc<Parsed>>) -> Result<Self, NotifyError> {
        template
            .map(Self)
            .ok_or_else(|| NotifyError::bad_request("Template not found"))
    }

    /// Checks that it is in use.
    pub fn check_in_use(&self) -> Result<(), NotifyError> {
        if self.0.row.archived {
            return Err(NotifyError::bad_request("Template has been deleted"));
        }
        Ok(())
    }

    /// Fills in the values.
    pub fn fill(&self, values: &Personalisation) -> Result<Filled, Unfillable> {
        self.0.fill(values)
    }

    /// The template itself.
    pub fn parsed(&self) -> Arc<Parsed> {
        Arc::clone(&self.0)
    }

    /// Its channel.
    pub fn channel(&self) -> Channel {
        self.0.row.channel
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
