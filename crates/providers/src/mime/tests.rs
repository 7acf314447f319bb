//! What is written for every kind of content, and that nothing can add a header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const ID: &str = "01935d1e-7e30-7000-8000-000000000001";

fn message() -> OutgoingMessage {
    OutgoingMessage {
        id: serde_json::from_value(ID.into()).unwrap(),
        attempt: 1,
        recipient: "amala@example.com".into(),
        content: Content::Email {
            from_name: "Clinic".into(),
            from_address: "clinic@example.org".into(),
            reply_to: None,
            subject: "Your appointment".into(),
            text: "See you at nine.\n.\nBring this letter.".into(),
            html: "<p>See you at nine.</p>".into(),
        },
        unsubscribe_url: None,
        is_trial: false,
    }
}

/// A message with some of its fields changed.
fn with(change: impl FnOnce(&mut Fields<'_>)) -> OutgoingMessage {
    let mut message = message();
    let Content::Email {
        from_name,
        from_address,
        reply_to,
        subject,
        text,
        html,
    } = &mut message.content
    else {
        unreachable!("it is an e-mail");
    };
    change(&mut Fields {
        recipient: &mut message.recipient,
        unsubscribe_url: &mut message.unsubscribe_url,
        from_name,
        from_address,
        reply_to,
        subject,
        text,
        html,
    });
    message
}

struct Fields<'a> {
    recipient: &'a mut String,
    unsubscribe_url: &'a mut Option<String>,
    from_name: &'a mut String,
    from_address: &'a mut String,
    reply_to: &'a mut Option<String>,
    subject: &'a mut String,
    text: &'a mut String,
    html: &'a mut String,
}

/// The message as text, with what differs at every call taken out.
fn written(message: &OutgoingMessage) -> String {
    let written = String::from_utf8(mime(message).unwrap().formatted()).unwrap();
    assert!(
        !written.replace("\r\n", "").contains(['\r', '\n']),
        "a line end is not one of mail: {written:?}"
    );
    let mut written = written.replace("\r\n", "\n");
    if let Some((_, rest)) = written.split_once("boundary=\"") {
        let boundary = rest.split('"').next().unwrap().to_owned();
        written = written.replace(&boundary, "BOUNDARY");
    }
    let is_date = |line: &str| line.starts_with("Date: ");
    let lines: Vec<_> = written
        .lines()
        .map(|line| if is_date(line) { "Date: NOW" } else { line })
        .collect();
    lines.join("\n")
}

/// The headers, unfolded.
fn headers(message: &OutgoingMessage) -> Vec<(String, String)> {
    let written = written(message);
    let (head, _) = written.split_once("\n\n").unwrap();
    head.replace("\n ", " ")
        .lines()
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn header(message: &OutgoingMessage, name: &str) -> String {
    let mut found = headers(message).into_iter().filter(|(is, _)| is == name);
    let value = found.next().map(|(_, value)| value).unwrap_or_default();
    assert_eq!(found.next(), None, "{name} is there twice");
    value
}

#[test]
fn a_message_has_a_text_part_and_then_an_html_part() {
    let message = with(|fields| {
        *fields.reply_to = Some("desk@example.org".into());
        *fields.unsubscribe_url = Some("https://example.org/u?t=1&x=2".into());
    });
    insta::assert_snapshot!(written(&message), @r#"
    Date: NOW
    From: Clinic <clinic@example.org>
    To: amala@example.com
    Subject: Your appointment
    Message-ID: <01935d1e-7e30-7000-8000-000000000001@example.org>
    Reply-To: desk@example.org
    Auto-Submitted: auto-generated
    X-Carillon-Id: 01935d1e-7e30-7000-8000-000000000001
    List-Unsubscribe: <https://example.org/u?t=1&x=2>
    List-Unsubscribe-Post: List-Unsubscribe=One-Click
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="BOUNDARY"

    --BOUNDARY
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 7bit

    See you at nine.
    .
    Bring this letter.
    --BOUNDARY
    Content-Type: text/html; charset=utf-8
    Content-Transfer-Encoding: 7bit

    <p>See you at nine.</p>
    --BOUNDARY--
    "#);
}

#[test]
fn letters_outside_ascii_are_encoded_everywhere() {
    let message = with(|fields| {
        *fields.from_name = "Zdravotní středisko".into();
        *fields.from_address = "info@středisko.example".into();
        *fields.recipient = "amala@bücher.example".into();
        *fields.subject = "Termín – žádost o potvrzení návštěvy 🏥 v pondělí ráno".into();
        *fields.text = "Dobrý den".into();
        *fields.html = "<p>Dobrý den</p>".into();
    });
    let written = written(&message);
    assert!(written.is_ascii(), "{written}");
    insta::assert_snapshot!(written, @r#"
    Date: NOW
    From: =?utf-8?b?WmRyYXZvdG7DrSBzdMWZZWRpc2tv?= <info@xn--stedisko-4ub.example>
    To: amala@xn--bcher-kva.example
    Subject: =?utf-8?b?VGVybcOtbiDigJMgxb7DoWRvc3Q=?= o =?utf-8?b?cG90dnJ6?=
     =?utf-8?b?ZW7DrSBuw6F2xaF0xJt2eSDwn4+l?= v =?utf-8?b?cG9uZMSbbMOtIHI=?=
     =?utf-8?b?w6Fubw==?=
    Message-ID: <01935d1e-7e30-7000-8000-000000000001@xn--stedisko-4ub.example>
    Auto-Submitted: auto-generated
    X-Carillon-Id: 01935d1e-7e30-7000-8000-000000000001
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="BOUNDARY"

    --BOUNDARY
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    Dobr=C3=BD den
    --BOUNDARY
    Content-Type: text/html; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    <p>Dobr=C3=BD den</p>
    --BOUNDARY--
    "#);
}

#[test]
fn without_html_the_text_is_all_there_is() {
    let message = with(|fields| fields.html.clear());
    assert_eq!(
        header(&message, "Content-Type"),
        "text/plain; charset=utf-8"
    );
}

/// A display name as a mail program shows it.
fn shown(name: &str) -> String {
    let words: Vec<_> = name.split(' ').collect();
    if !words[0].starts_with("=?") {
        let quoted = name
            .strip_prefix('"')
            .and_then(|name| name.strip_suffix('"'));
        return quoted.unwrap_or(name).to_owned();
    }
    let decoded = words.iter().flat_map(|word| {
        let base64 = word.strip_prefix("=?utf-8?b?").unwrap();
        let base64 = base64.strip_suffix("?=").unwrap();
        STANDARD.decode(base64).unwrap()
    });
    String::from_utf8(decoded.collect()).unwrap()
}

#[test]
fn a_display_name_is_shown_as_it_was_given() {
    for name in [
        "Clinic",
        "Dr. Clinic",
        "Smith, Jones & Co",
        r#"The "best" \ clinic; (all day): @home"#,
        "Eve <eve@example.net>, Clinic",
        "Zdravotní středisko, které má velmi dlouhé jméno, jaké se na jednu řádku nevejde",
    ] {
        let message = with(|fields| *fields.from_name = name.into());
        let from = header(&message, "From");
        let from = from.strip_suffix(" <clinic@example.org>").unwrap();
        assert_eq!(shown(from), name);
    }
    for name in ["", " \n "] {
        let message = with(|fields| *fields.from_name = name.into());
        assert_eq!(header(&message, "From"), "clinic@example.org");
    }
}

#[test]
fn no_field_can_add_a_header() {
    let expected: Vec<_> = headers(&with(|fields| {
        *fields.unsubscribe_url = Some("https://example.org/".into());
    }))
    .into_iter()
    .map(|(name, _)| name)
    .collect();
    for end in [
        "\r\n", "\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\0",
    ] {
        let evil = format!("a{end}Bcc: eve@example.net{end}{end}b");
        let message = with(|fields| {
            *fields.from_name = evil.clone();
            *fields.subject = format!("{evil} é");
            *fields.unsubscribe_url = Some(format!("https://example.org/{evil}"));
        });
        let names: Vec<_> = headers(&message)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, expected, "{end:?}");
        let url = header(&message, "List-Unsubscribe");
        assert!(
            url.starts_with("<https://example.org/a%") && !url.contains(char::is_whitespace),
            "{url}"
        );
        for party in [Party::Sender, Party::ReplyTo, Party::Recipient] {
            let address = format!("\"a{end}Bcc:eve\"@example.net");
            let message = with(|fields| match party {
                Party::Sender => *fields.from_address = address,
                Party::ReplyTo => *fields.reply_to = Some(address),
                Party::Recipient => *fields.recipient = address,
            });
            assert_eq!(
                mime(&message).map(|_| ()),
                Err(Unbuildable::Address(party)),
                "{end:?}"
            );
        }
    }
}

#[test]
fn the_envelope_is_of_this_sender_and_this_recipient_alone() {
    let message = with(|fields| {
        *fields.from_name = "Eve <eve@example.net>, Clinic".into();
        *fields.recipient = "amala@bücher.example".into();
    });
    let built = mime(&message).unwrap();
    let from: Option<&str> = built.envelope().from().map(AsRef::as_ref);
    let to: Vec<&str> = built.envelope().to().iter().map(AsRef::as_ref).collect();
    assert_eq!(from, Some("clinic@example.org"));
    assert_eq!(to, ["amala@xn--bcher-kva.example"]);
}

#[test]
fn the_message_id_is_the_same_at_every_attempt() {
    let mut second = message();
    second.attempt = 2;
    for message in [message(), second] {
        let id = header(&message, "Message-ID");
        assert_eq!(id, format!("<{ID}@example.org>"));
    }
}

#[test]
fn a_letter_outside_ascii_before_the_sign_stays_and_asks_for_smtputf8() {
    let message = with(|fields| *fields.recipient = "renée@bücher.example".into());
    let built = mime(&message).unwrap();
    assert_eq!(built.envelope().to()[0].user(), "renée");
    assert_eq!(header(&message, "To"), "renée@xn--bcher-kva.example");
}

#[test]
fn what_cannot_be_an_email_says_so_without_naming_anybody() {
    let sms = OutgoingMessage {
        content: Content::Sms {
            sender: None,
            body: "hello".into(),
        },
        ..message()
    };
    let address = |recipient: &str| with(|fields| *fields.recipient = recipient.into());
    let long = format!("https://example.org/{}", "x".repeat(900));
    let recipient = Unbuildable::Address(Party::Recipient);
    let table = [
        (sms, Unbuildable::Sms),
        (address("amala"), recipient),
        (address("@example.com"), recipient),
        (address("amala@"), recipient),
        (address("am ala@example.com"), recipient),
        (address("amala@exa mple.com"), recipient),
        (address("amala@example.com> BODY=8BITMIME"), recipient),
        (
            with(|fields| *fields.unsubscribe_url = Some(long)),
            Unbuildable::UnsubscribeUrl,
        ),
    ];
    for (message, expected) in table {
        let error = mime(&message).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("amala"), "{error}");
    }
}

#[test]
fn line_ends_of_every_kind_become_those_of_mail() {
    assert_eq!(lines("a\nb\r\nc\rd\r\r\n"), "a\r\nb\r\nc\r\nd\r\n\r\n");
    // `written` looks for others.
    written(&with(|fields| *fields.text = "a\rb\n.\r.\n\r.\r\n".into()));
}
