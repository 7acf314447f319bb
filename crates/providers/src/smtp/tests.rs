//! Dialogues over real sockets: with a mail server that others wrote, and with one that breaks off
//! exactly where the test says.

mod breaking_off;
mod mail_server;
mod peer;

use carillon_core::attempt::Blame;
use carillon_core::id::NotificationId;
use carillon_core::provider::SmtpTls;

use super::*;
use crate::outgoing::Content;

/// Longer than a call takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(30);

fn settings(port: u16, tls: SmtpTls, ca_pem: Option<String>) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls,
        ca_pem,
        max_connections: 1,
    }
}

/// A client of a server without TLS.
fn plain(port: u16, timeout: Duration) -> Smtp {
    let settings = settings(port, SmtpTls::None, None);
    Smtp::new("relay", &settings, None, timeout).unwrap()
}

fn message(recipient: &str) -> OutgoingMessage {
    OutgoingMessage {
        id: NotificationId::mint(),
        attempt: 1,
        recipient: recipient.into(),
        content: Content::Email {
            from_name: "Clinic".into(),
            from_address: "clinic@example.org".into(),
            reply_to: None,
            subject: "Your appointment".into(),
            text: "See you at nine.\n.\n.Bring this letter.".into(),
            html: "<p>See you at nine.</p>".into(),
        },
        unsubscribe_url: None,
        is_trial: false,
    }
}

/// A message far larger than what fits between the ends of a connection.
fn large_message() -> OutgoingMessage {
    let mut message = message("amala@example.com");
    let Content::Email { text, .. } = &mut message.content else {
        unreachable!("it is an e-mail");
    };
    *text = "See you at nine.\n".repeat(2_000_000);
    message
}

fn accepted(message: &OutgoingMessage) -> Outcome {
    Outcome::Accepted {
        reference: format!("{}@example.org", message.id),
    }
}

fn failed(detail: &str) -> Outcome {
    blamed(Blame::Provider, detail)
}

fn blamed(blame: Blame, detail: &str) -> Outcome {
    Outcome::Failed {
        detail: detail.into(),
        blame,
    }
}

fn rejected(detail: &str) -> Outcome {
    Outcome::Rejected {
        detail: detail.into(),
    }
}

fn ambiguous(detail: &str) -> Outcome {
    Outcome::Ambiguous {
        detail: detail.into(),
    }
}

#[test]
fn authorities_that_cannot_be_read_are_refused_at_once() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        let settings = settings(587, SmtpTls::Starttls, Some(pem.into()));
        let made = Smtp::new("relay", &settings, None, PATIENT);
        assert!(matches!(made, Err(SetupError::Tls(_))), "{pem:?}");
    }
}

#[test]
fn a_password_is_never_sent_in_the_clear() {
    let login = SmtpLogin {
        username: "carillon".into(),
        password: "hunter2".into(),
    };
    let settings = settings(25, SmtpTls::None, None);
    let made = Smtp::new("relay", &settings, Some(&login), PATIENT);
    assert!(matches!(made, Err(SetupError::Tls(_))));
}
