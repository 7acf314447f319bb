//! Writes an e-mail as it is sent: one body, as plain text and as HTML.

use std::fmt;

use askama::Template as _;
use carillon_core::personalisation::Personalisation;
use carillon_core::template::Template;

use crate::stand_in::Filled;
use crate::{email, html, markdown, plain, preheader};

/// An e-mail's content.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailMessage {
    /// A single line.
    pub subject: String,
    /// The plain text part; lines end in `\n`.
    pub text: String,
    /// The HTML part: a whole document in UTF-8.
    pub html: String,
}

impl fmt::Debug for EmailMessage {
    /// Says how long the parts are; what is in them is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "EmailMessage({} + {} + {} bytes)",
            self.subject.len(),
            self.text.len(),
            self.html.len()
        )
    }
}

/// What the HTML part shows around the body.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The text of the banner.
    pub service_name: &'a str,
    /// What the document declares itself to be written in.
    pub language: Language,
}

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// `en`
    #[default]
    English,
    /// `fr`
    French,
}

impl Language {
    const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }
}

/// Writes an e-mail from the Markdown of its template.
///
/// Values are data: nothing in one is markup, except that a web address becomes a link to what
/// it says, a line end stays one, and a list becomes bullets. The author's dialect is described
/// in `docs/templates.md`.
///
/// Never fails, and takes time in proportion to what it writes. How much that is decides the
/// caller: a value is written as often as the template names it.
#[must_use]
pub fn email_message(
    subject: &Template,
    body: &Template,
    values: &Personalisation,
    layout: &Layout<'_>,
) -> EmailMessage {
    let subject = email::subject(subject, values);
    let parts = markdown::parse(&Filled::new(body, values));
    let document = Document {
        language: layout.language.code(),
        subject: &subject,
        preheader: &preheader::write(&parts),
        service_name: layout.service_name,
        body: &html::write(&parts),
    };
    let html = document
        .render()
        .expect("writing text to a string does not fail");
    EmailMessage {
        text: plain::write(&parts),
        html,
        subject,
    }
}

#[derive(askama::Template)]
#[template(path = "email.html")]
struct Document<'a> {
    language: &'a str,
    subject: &'a str,
    preheader: &'a str,
    service_name: &'a str,
    /// HTML.
    body: &'a str,
}

#[cfg(test)]
mod tests;
