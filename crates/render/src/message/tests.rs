use serde_json::{Value, json};

use super::*;

mod hostile;
mod markup;
mod size;

fn written(subject: &str, body: &str, values: &Value) -> EmailMessage {
    let values = Personalisation::stored(values.as_object().cloned().unwrap());
    let layout = Layout {
        service_name: "Passports & <Visas>",
        language: Language::English,
    };
    email_message(
        &Template::parse(subject),
        &Template::parse(body),
        &values,
        &layout,
    )
}

#[test]
fn a_whole_message() {
    let message = written(
        "Your appointment on ((day))",
        "# Your appointment\n\nDear ((name)) ,\n\nyou are expected on **((day))** - please bring:\n\
         ((papers))\n\n((far??It is *far*, so start early.\n\n))\
         ^ You can still [choose another day](https://book.example/?ref=((ref))).\n\n---\n\
         [[fr]]\nVous pouvez aussi écrire à aide@book.example.\n[[/fr]]\n",
        &json!({
            "name": "Zoë <O'Brien>",
            "day": "1 May",
            "papers": ["your passport", "2 photos"],
            "far": "yes",
            "ref": "A&B 7",
        }),
    );
    insta::assert_snapshot!(format!(
        "Subject: {}\n\n{}\n\n~~~\n{}",
        message.subject, message.text, message.html
    ));
}

#[test]
fn the_example_of_the_manual_is_written_as_it_says() {
    let manual = include_str!("../../../../docs/templates.md");
    let block = |kind: &str| {
        let (_, from) = manual.split_once(&format!("\n```{kind}\n")).unwrap();
        from.split_once("\n```\n").unwrap().0
    };
    let values = json!({
        "name": "Zoë O'Brien",
        "day": "1 May",
        "papers": ["your passport", "2 photos"],
        "far": "yes",
        "reference": "A7",
    });
    assert_eq!(written("", block("markdown"), &values).text, block("text"));
}

#[test]
fn the_language_is_declared() {
    let (empty, values) = (Template::default(), Personalisation::default());
    let declared = |language| {
        let layout = Layout {
            service_name: "",
            language,
        };
        email_message(&empty, &empty, &values, &layout).html
    };
    assert!(declared(Language::default()).contains(r#" lang="en" xml:lang="en">"#));
    assert!(declared(Language::French).contains(r#" lang="fr" xml:lang="fr">"#));
}

#[test]
fn the_subject_is_the_one_of_the_text() {
    let (subject, body) = ("Hi ((name)) *x*", "((name))");
    let values = json!({"name": ["a\r\nBcc: b", "c"]});
    let message = written(subject, body, &values);
    assert_eq!(message.subject, "Hi a Bcc: b and c *x*");
}

#[test]
fn the_content_does_not_reach_the_log() {
    let mut message = written("abc", "de", &json!({}));
    message.html.truncate(10);
    assert_eq!(format!("{message:?}"), "EmailMessage(3 + 2 + 10 bytes)");
}
