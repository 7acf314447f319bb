//! `carillon template preview`.

use carillon_core::channel::Channel;
use carillon_core::personalisation::{Personalisation, comparable_name};
use carillon_core::sms::{Encoding, parts};
use carillon_core::template::Template;
use carillon_render::{EmailMessage, Language, Layout, email_message};
use carillon_store::template::TemplateVersion;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::OfTemplate;
use super::read::AtVersion;
use crate::commands::send::Values;
use crate::cx::Cx;
use crate::failure::bad_argument;
use crate::table::shown;

#[derive(Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    of: OfTemplate,
    #[command(flatten)]
    at: AtVersion,
    #[command(flatten)]
    values: Values,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: PreviewFormat,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum PreviewFormat {
    /// For people: an e-mail's plain text, or a text message with its size
    #[default]
    Text,
    /// For scripts: the body of the management API
    Json,
    /// An e-mail's HTML document
    Html,
}

impl Preview {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let (store, format) = (cx.store()?, self.format);
        let values = self.values.read()?;
        let template = self.at.read(&store, &self.of).await?;
        let service = self.of.of.read(&store).await?;
        let missing = missing(&template, &values);
        let content = Content::of(&service.name, &template, &values);
        if let PreviewFormat::Json = format {
            return Ok(serde_json::to_string_pretty(
                &content.json(&template, &missing),
            )?);
        }
        if !missing.is_empty() {
            eprintln!("{}", warning(&missing));
        }
        match (format, content) {
            (PreviewFormat::Html, Content::Email(message)) => Ok(message.html),
            (PreviewFormat::Html, Content::Sms { .. }) => {
                Err(bad_argument("--format", "a text message has no HTML"))
            }
            (_, content) => Ok(content.text()),
        }
    }
}

/// What would be sent; a marker without a value stays as written.
enum Content {
    Email(EmailMessage),
    Sms { body: String },
}

impl Content {
    fn of(service_name: &str, template: &TemplateVersion, values: &Personalisation) -> Self {
        let body = Template::parse(&template.body);
        match template.channel {
            Channel::Email => {
                let subject = Template::parse(template.subject.as_deref().unwrap_or_default());
                let layout = Layout {
                    service_name,
                    language: Language::default(),
                };
                Self::Email(email_message(&subject, &body, values, &layout))
            }
            Channel::Sms => Self::Sms {
                body: carillon_render::sms(&body, values, None),
            },
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Email(message) => {
                let subject = shown(&message.subject);
                format!("Subject: {subject}\n\n{}", lines(&message.text))
            }
            Self::Sms { body } => format!("{}\n\n{}", lines(body), size(body)),
        }
    }

    fn json(&self, template: &TemplateVersion, missing: &[String]) -> Value {
        let mut json = json!({
            "id": template.id,
            "version": template.version,
            "channel": template.channel,
            "missing": missing,
        });
        match self {
            Self::Email(message) => {
                json["subject"] = json!(message.subject);
                json["text"] = json!(message.text);
                json["html"] = json!(message.html);
            }
            Self::Sms { body } => {
                let size = parts(body);
                json["body"] = json!(body);
                json["parts"] = json!(size.parts);
                json["encoding"] = json!(name(size.encoding).to_lowercase());
                json["characters"] = json!(body.chars().count());
            }
        }
        json
    }
}

/// What is said of placeholders without a value: names are anybody's text.
fn warning(missing: &[String]) -> String {
    let names: Vec<String> = missing.iter().map(|name| shown(name)).collect();
    format!("carillon: without a value: {}", names.join(", "))
}

/// The placeholders of subject and body without a value, in order, each once.
fn missing(template: &TemplateVersion, values: &Personalisation) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let texts = template.subject.iter().chain([&template.body]);
    for name in texts.flat_map(|text| Template::parse(text).missing(values)) {
        let is_known = |known: &String| comparable_name(known) == comparable_name(&name);
        if !names.iter().any(is_known) {
            names.push(name);
        }
    }
    names
}

/// `1 part, GSM-7, 6 characters`, and what makes it dear.
fn size(body: &str) -> String {
    let size = parts(body);
    let plural = if size.parts == 1 { "" } else { "s" };
    let mut line = format!(
        "{} part{plural}, {}, {} characters",
        size.parts,
        name(size.encoding),
        body.chars().count(),
    );
    let mut outside: Vec<String> = Vec::new();
    for c in body.chars().map(String::from) {
        if Encoding::of(&c) == Encoding::Ucs2 && !outside.contains(&c) {
            outside.push(c);
        }
    }
    if !outside.is_empty() {
        line.push_str(&format!(" (not in GSM-7: {})", outside.join(" ")));
    }
    line
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gsm7 => "GSM-7",
        Encoding::Ucs2 => "UCS-2",
    }
}

/// A text whose values are anybody's, safe for a terminal.
fn lines(text: &str) -> String {
    text.lines().map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use carillon_core::id::{ServiceId, TemplateId};
    use carillon_core::lane::Lane;
    use uuid::Uuid;

    use super::*;

    fn template(channel: Channel, subject: Option<&str>, body: &str) -> TemplateVersion {
        TemplateVersion {
            id: TemplateId(Uuid::from_u128(2)),
            service_id: ServiceId(Uuid::from_u128(1)),
            channel,
            name: "T".to_owned(),
            lane: Lane::Normal,
            archived: false,
            when_answer_lost: carillon_core::ambiguity::WhenAnswerLost::Retry,
            created_at: carillon_core::clock::now(),
            updated_at: None,
            version: 3,
            subject: subject.map(str::to_owned),
            body: body.to_owned(),
            created_by: "ada".to_owned(),
        }
    }

    fn values(given: &Value) -> Personalisation {
        Personalisation::parse(given.as_object().cloned().expect("a map")).expect("values")
    }

    #[test]
    fn what_has_no_value_is_listed_once_and_stays_as_written() {
        let template = template(
            Channel::Email,
            Some("Hi ((first name))"),
            "((First_Name)) ((x))",
        );
        let values = values(&json!({ "x": "\u{1b}[2J" }));
        assert_eq!(missing(&template, &values), ["first name"]);
        let text = Content::of("Ely", &template, &values).text();
        assert!(text.starts_with("Subject: Hi ((first name))\n\n((First_Name)) "));
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn the_name_of_a_placeholder_does_not_command_the_terminal() {
        let names = ["first name", "\u{1b}[2J"].map(str::to_owned);
        let text = warning(&names);
        assert_eq!(text, "carillon: without a value: first name, \u{fffd}[2J");
    }

    #[test]
    fn a_text_message_says_what_it_takes_and_why() {
        let template = template(Channel::Sms, None, "Hi ((name))");
        let shown = |name: &str| Content::of("Ely", &template, &values(&json!({ "name": name })));
        assert_eq!(shown("Ada").text(), "Hi Ada\n\n1 part, GSM-7, 6 characters");
        let line = shown(&"ŵŵ🔔".repeat(30)).text();
        let (_, line) = line.split_once("\n\n").expect("two blocks");
        assert_eq!(line, "2 parts, UCS-2, 93 characters (not in GSM-7: ŵ 🔔)");
        let json = shown("Ada").json(&template, &[]);
        assert_eq!(json["encoding"], "gsm-7");
        assert_eq!(json["parts"], 1);
    }
}
