//! Against aiosmtpd, with every kind of TLS.

use carillon_test_support::{MailServer, MailServerOptions, MailServerTls};
use serde_json::Value;

use super::*;

const LOGIN: (&str, &str) = ("carillon", "correct horse");

async fn server(tls: MailServerTls, login: Option<(&'static str, &'static str)>) -> MailServer {
    MailServer::start(MailServerOptions { tls, login }).await
}

fn client(
    server: &MailServer,
    tls: SmtpTls,
    login: Option<(&str, &str)>,
    timeout: Duration,
) -> Smtp {
    let ca_pem = (tls != SmtpTls::None).then(|| server.ca_pem());
    let settings = settings(server.port(), tls, ca_pem);
    let login = login.map(|(username, password)| SmtpLogin {
        username: username.into(),
        password: password.into(),
    });
    Smtp::new("relay", &settings, login.as_ref(), timeout).unwrap()
}

fn text(message: &Value, field: &str) -> String {
    message[field].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_message_arrives_whole_with_every_kind_of_tls() {
    for (theirs, ours, login) in [
        (MailServerTls::None, SmtpTls::None, None),
        (MailServerTls::Starttls, SmtpTls::Starttls, Some(LOGIN)),
        (MailServerTls::Implicit, SmtpTls::Implicit, Some(LOGIN)),
    ] {
        let server = server(theirs, login).await;
        let smtp = client(&server, ours, login, PATIENT);
        assert_eq!(smtp.probe().await, Ok(()), "{ours:?}");
        assert_eq!(
            server.messages(),
            Vec::<Value>::new(),
            "a probe sends nothing"
        );
        let message = message("amala@example.com");
        assert_eq!(smtp.send(&message).await, accepted(&message), "{ours:?}");
        let [got] = &server.messages()[..] else {
            panic!("one message: {:?}", server.messages());
        };
        assert_eq!(got["from"], "clinic@example.org");
        assert_eq!(got["to"], serde_json::json!(["amala@example.com"]));
        assert_eq!(got["tls"], theirs != MailServerTls::None);
        assert_eq!(got["login"].as_str(), login.map(|(user, _)| user));
        let data = text(got, "data");
        for line in [
            format!("Message-ID: <{}@example.org>", message.id),
            format!("X-Carillon-Id: {}", message.id),
            "Subject: Your appointment".to_owned(),
            "See you at nine.\r\n.\r\n.Bring this letter.".to_owned(),
            "<p>See you at nine.</p>".to_owned(),
        ] {
            assert!(data.contains(&format!("{line}\r\n")), "{line}: {data}");
        }
    }
}

#[tokio::test]
async fn refusals_have_their_outcomes_and_quote_nobody() {
    let server = server(MailServerTls::None, None).await;
    let smtp = client(&server, SmtpTls::None, None, PATIENT);
    let table = [
        (
            "reject",
            rejected("550 5.1.1 the recipient's mailbox does not exist"),
        ),
        (
            "reject-data",
            rejected(
                "554 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
            ),
        ),
        (
            "greylist",
            blamed(
                Blame::Message,
                "451 4.7.1 the server asks to try this recipient later",
            ),
        ),
        ("shut", failed("421 4.3.0 the server hangs up for now")),
        (
            "busy",
            Outcome::Throttled {
                after: Duration::from_secs(30),
            },
        ),
    ];
    for (local, expected) in table {
        let message = message(&format!("{local}@example.com"));
        assert_eq!(smtp.send(&message).await, expected, "{local}");
    }
    assert_eq!(server.messages(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_refusal_in_latin_1_is_one_with_every_kind_of_tls() {
    for (theirs, ours) in [
        (MailServerTls::None, SmtpTls::None),
        (MailServerTls::Starttls, SmtpTls::Starttls),
        (MailServerTls::Implicit, SmtpTls::Implicit),
    ] {
        let server = server(theirs, None).await;
        let smtp = client(&server, ours, None, PATIENT);
        let outcome = smtp.send(&message("reject-in-latin-1@example.com")).await;
        let expected = rejected("550 5.1.1 the recipient's mailbox does not exist");
        assert_eq!(outcome, expected, "{ours:?}");
    }
}

#[tokio::test]
async fn a_reset_instead_of_an_answer_is_ambiguous_and_the_server_has_the_message_once() {
    let server = server(MailServerTls::Starttls, None).await;
    let smtp = client(&server, SmtpTls::Starttls, None, PATIENT);
    let message = message("reset@example.com");
    let expected = ambiguous("the connection was lost before the answer to the message");
    assert_eq!(smtp.send(&message).await, expected);
    assert_eq!(server.messages().len(), 1);
    let next = super::message("amala@example.com");
    assert_eq!(smtp.send(&next).await, accepted(&next));
    assert_eq!(server.messages().len(), 2);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_at_the_deadline() {
    let server = server(MailServerTls::Implicit, None).await;
    let smtp = client(&server, SmtpTls::Implicit, None, Duration::from_secs(2));
    let outcome = smtp.send(&message("hang@example.com")).await;
    assert_eq!(outcome, ambiguous("no answer to the message in time"));
}

#[tokio::test]
async fn two_messages_over_one_connection_are_never_mixed() {
    let server = server(MailServerTls::Starttls, Some(LOGIN)).await;
    let smtp = client(&server, SmtpTls::Starttls, Some(LOGIN), PATIENT);
    let locals = [
        "amala",
        "reject",
        "bela",
        "reject-data",
        "cyril",
        "greylist",
        "dora",
    ];
    let messages = locals.map(|local| message(&format!("{local}@example.com")));
    let sent = futures::future::join_all(messages.iter().map(|message| smtp.send(message)));
    let outcomes = sent.await;
    let good = || {
        let taken = outcomes.iter().map(|outcome| outcome.name() == "accepted");
        messages.iter().zip(taken).filter(|(_, taken)| *taken)
    };
    assert_eq!(good().count(), 4, "{outcomes:?}");
    let got = server.messages();
    assert_eq!(got.len(), 4);
    for (message, got) in good().map(|(message, _)| message).zip(&got) {
        assert_eq!(got["to"], serde_json::json!([message.recipient]));
        assert!(text(got, "data").contains(&format!("X-Carillon-Id: {}\r\n", message.id)));
        assert!(text(got, "data").contains(&format!("To: {}\r\n", message.recipient)));
        assert_eq!(text(got, "data").matches("@example.com").count(), 1);
    }
    let connections: std::collections::HashSet<_> =
        got.iter().map(|got| got["connection"].as_u64()).collect();
    assert_eq!(
        connections.len(),
        1,
        "a refusal does not cost the connection"
    );
}

#[tokio::test]
async fn letters_outside_ascii_before_the_sign_travel_with_smtputf8() {
    let server = server(MailServerTls::None, None).await;
    let smtp = client(&server, SmtpTls::None, None, PATIENT);
    let message = message("renée@bücher.example");
    assert_eq!(smtp.send(&message).await, accepted(&message));
    let [got] = &server.messages()[..] else {
        panic!("one message: {:?}", server.messages());
    };
    assert_eq!(
        got["to"],
        serde_json::json!(["renée@xn--bcher-kva.example"])
    );
    assert_eq!(got["smtputf8"], true);
}

#[tokio::test]
async fn a_wrong_password_and_no_password_are_told_apart() {
    let server = server(MailServerTls::Starttls, Some(LOGIN)).await;
    let wrong = client(
        &server,
        SmtpTls::Starttls,
        Some((LOGIN.0, "hunter2")),
        PATIENT,
    );
    let refused = "535 5.7.8 the server refuses this login";
    let outcome = wrong.send(&message("amala@example.com")).await;
    assert_eq!(
        outcome,
        blamed(
            Blame::Account,
            &format!("{refused}: check username and password")
        )
    );
    assert_eq!(wrong.probe().await.unwrap_err().what, refused);
    let none = client(&server, SmtpTls::Starttls, None, PATIENT);
    let outcome = none.send(&message("amala@example.com")).await;
    let wanted =
        "530 5.7.0 the server wants a login: give the provider a username and a password, and TLS";
    assert_eq!(outcome, blamed(Blame::Account, wanted));
    assert_eq!(server.messages(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_trusted() {
    let other = server(MailServerTls::Implicit, None).await;
    for (theirs, ours) in [
        (MailServerTls::Starttls, SmtpTls::Starttls),
        (MailServerTls::Implicit, SmtpTls::Implicit),
    ] {
        let server = server(theirs, None).await;
        let settings = settings(server.port(), ours, Some(other.ca_pem()));
        let smtp = Smtp::new("relay", &settings, None, PATIENT).unwrap();
        let unreachable = smtp.probe().await.unwrap_err();
        assert_eq!(
            unreachable.what, "the server's certificate is not trusted",
            "{ours:?}"
        );
        let outcome = smtp.send(&message("amala@example.com")).await;
        assert_eq!(outcome.name(), "failed", "{outcome:?}");
        assert_eq!(server.messages(), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn the_wrong_kind_of_tls_is_a_failure_that_says_what_to_check() {
    let advice = "check that settings.tls is what the server does on this port";
    let none = server(MailServerTls::None, None).await;
    let implicit = server(MailServerTls::Implicit, None).await;
    let authority = implicit.ca_pem();
    for (port, ours, timeout) in [
        (none.port(), SmtpTls::Starttls, PATIENT),
        (none.port(), SmtpTls::Implicit, PATIENT),
        // Both wait for the other to begin.
        (implicit.port(), SmtpTls::Starttls, Duration::from_secs(1)),
    ] {
        let settings = settings(port, ours, Some(authority.clone()));
        let smtp = Smtp::new("relay", &settings, None, timeout).unwrap();
        let unreachable = smtp.probe().await.unwrap_err();
        assert_eq!(unreachable.advice, advice, "{ours:?}: {}", unreachable.what);
    }
}

#[tokio::test]
async fn a_server_that_has_gone_is_a_failure_even_with_a_kept_connection() {
    let mut server = server(MailServerTls::None, None).await;
    let smtp = client(&server, SmtpTls::None, None, PATIENT);
    let message = message("amala@example.com");
    assert_eq!(smtp.send(&message).await, accepted(&message));
    server.kill();
    assert_eq!(smtp.send(&message).await.name(), "failed");
}
