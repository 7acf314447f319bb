//! Where a dialogue breaks off decides what has become of the message.

use carillon_test_support::free_port;

use super::peer::{Peer, Port};
use super::*;

const IMPATIENT: Duration = Duration::from_secs(1);

/// The outcome of one message when the server does this with the first connection.
async fn outcome_when(server: impl AsyncFnOnce(Port), timeout: Duration) -> Outcome {
    let (port, number) = Port::open().await;
    let smtp = plain(number, timeout);
    let message = message("amala@example.com");
    let (outcome, ()) = tokio::join!(smtp.send(&message), server(port));
    outcome
}

#[tokio::test]
async fn a_connection_lost_before_the_message_is_a_failure() {
    let table = [
        (
            "EHLO",
            "the connection was lost before the server's greeting: check that settings.tls is what the server does on this port",
        ),
        (
            "MAIL",
            "the connection was lost before the message was sent",
        ),
        (
            "RCPT",
            "the connection was lost before the message was sent",
        ),
        (
            "DATA",
            "the connection was lost before the message was sent",
        ),
    ];
    for (last, expected) in table {
        let server = async |port: Port| {
            let mut peer = port.accept().await;
            peer.say("220 mail.example").await;
            for command in ["EHLO", "MAIL", "RCPT", "DATA"] {
                peer.hear(command).await;
                if command == last {
                    return;
                }
                peer.say("250 OK").await;
            }
        };
        assert_eq!(
            outcome_when(server, PATIENT).await,
            failed(expected),
            "{last}"
        );
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_the_message_is_a_failure() {
    let (port, number) = Port::open().await;
    let smtp = plain(number, PATIENT);
    let message = large_message();
    let server = async {
        let mut peer = port.greeted().await;
        peer.go_ahead().await;
        peer.hear("Date: ").await;
    };
    let (outcome, ()) = tokio::join!(smtp.send(&message), server);
    let expected = failed("the connection was lost before the whole message was sent");
    assert_eq!(outcome, expected);
}

#[tokio::test]
async fn a_server_that_stops_reading_does_not_have_the_message() {
    let (port, number) = Port::open().await;
    let smtp = plain(number, IMPATIENT);
    let message = large_message();
    let server = async {
        let mut peer = port.greeted().await;
        peer.go_ahead().await;
        peer
    };
    let (outcome, peer) = tokio::join!(smtp.send(&message), server);
    assert_eq!(
        outcome,
        failed("no answer in time before the whole message was sent")
    );
    drop(peer);
}

#[tokio::test]
async fn a_connection_lost_after_the_message_is_ambiguous() {
    let server = async |port: Port| {
        let mut peer = port.greeted().await;
        peer.go_ahead().await;
        peer.message().await;
    };
    let expected = ambiguous("the connection was lost before the answer to the message");
    assert_eq!(outcome_when(server, PATIENT).await, expected);
}

#[tokio::test]
async fn an_answer_to_the_message_that_is_none_is_ambiguous() {
    for answer in ["", "yes", "354 go on", "250-half"] {
        let server = async |port: Port| {
            let mut peer = port.greeted().await;
            peer.go_ahead().await;
            peer.message().await;
            peer.say(answer).await;
        };
        let outcome = outcome_when(server, PATIENT).await;
        assert_eq!(outcome.name(), "ambiguous", "{answer}: {outcome:?}");
    }
}

#[tokio::test]
async fn silence_after_the_message_is_ambiguous_and_before_it_a_failure() {
    let silence_after_the_message = async |port: Port| {
        let mut peer = port.greeted().await;
        peer.go_ahead().await;
        peer.message().await;
        peer.rest().await;
    };
    let silence_at_once = async |port: Port| {
        port.accept().await.rest().await;
    };
    let outcome = outcome_when(silence_after_the_message, IMPATIENT).await;
    assert_eq!(outcome, ambiguous("no answer to the message in time"));
    let outcome = outcome_when(silence_at_once, IMPATIENT).await;
    assert_eq!(
        outcome,
        failed(
            "no answer in time before the server's greeting: check that settings.tls is what the server does on this port"
        )
    );
}

#[tokio::test]
async fn answers_that_have_come_apart_from_their_commands_are_noticed() {
    // One answer too many, as an attacker could smuggle in before TLS.
    let server = async |port: Port| {
        let mut peer = port.greeted().await;
        peer.hear("MAIL").await;
        peer.say("250 OK\r\n250 OK").await;
        peer.hear("RCPT").await;
        peer.say("250 OK").await;
        peer.hear("DATA").await;
        peer.say("354 go ahead").await;
        assert_eq!(peer.rest().await, b"");
    };
    let outcome = outcome_when(server, PATIENT).await;
    assert_eq!(
        outcome,
        failed("the connection was lost before the message was sent")
    );
}

#[tokio::test]
async fn an_answer_in_latin_1_is_an_answer() {
    // "Présente" as a greeting, "reçu" for the message, "refusé" for the recipient.
    let (port, number) = Port::open().await;
    let smtp = plain(number, PATIENT);
    let (first, second) = (message("amala@example.com"), message("bela@example.com"));
    let server = async {
        let mut peer = port.accept().await;
        peer.say(b"220 Pr\xe9sente").await;
        peer.hear("EHLO").await;
        peer.say(b"250-mail.example \xe0 vous\r\n250 8BITMIME")
            .await;
        peer.go_ahead().await;
        peer.message().await;
        peer.say(b"250 2.0.0 re\xe7u").await;
        peer.hear("MAIL").await;
        peer.say("250 OK").await;
        peer.hear("RCPT").await;
        peer.say(b"550-5.1.1 refus\xe9\r\n550 5.1.1 bela").await;
        peer.hear("RSET").await;
        peer.say("250 OK").await;
    };
    let client = async {
        assert_eq!(smtp.send(&first).await, accepted(&first));
        let expected = rejected("550 5.1.1 the recipient's mailbox does not exist");
        assert_eq!(smtp.send(&second).await, expected);
    };
    tokio::join!(client, server);
}

/// A client whose kept connection is about to end like this: the next message must not suffer.
async fn survives(ending: impl AsyncFnOnce(Peer)) {
    let (port, number) = Port::open().await;
    let smtp = plain(number, PATIENT);
    let (first, second) = (message("amala@example.com"), message("bela@example.com"));
    let server = async {
        let mut peer = port.greeted().await;
        let taken = peer.take().await;
        assert!(taken.contains(&first.id.to_string()));
        ending(peer).await;
        let taken = port.greeted().await.take().await;
        assert!(taken.contains(&second.id.to_string()));
        assert!(
            taken.contains("bela") && !taken.contains("amala"),
            "{taken}"
        );
    };
    let client = async {
        assert_eq!(smtp.send(&first).await, accepted(&first));
        assert_eq!(smtp.send(&second).await, accepted(&second));
    };
    tokio::join!(client, server);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_has_closed_is_replaced() {
    survives(async |peer| drop(peer)).await;
    survives(async |mut peer| peer.say("421 4.4.2 idle for too long").await).await;
    survives(async |mut peer| {
        peer.hear("MAIL").await;
        peer.say("421 4.7.0 enough messages over one connection")
            .await;
    })
    .await;
    survives(async |mut peer| {
        peer.hear("MAIL").await;
        peer.say("250 OK").await;
        peer.hear("RCPT").await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_half_message_behind() {
    let (port, number) = Port::open().await;
    let smtp = plain(number, PATIENT);
    let (first, second) = (message("amala@example.com"), message("bela@example.com"));
    let server = async {
        let mut peer = port.greeted().await;
        peer.go_ahead().await;
        peer.message().await;
        peer
    };
    let peer = tokio::select! {
        outcome = smtp.send(&first) => panic!("there is no answer yet: {outcome:?}"),
        peer = server => peer,
    };
    let server = async {
        let mut peer = peer;
        assert_eq!(
            peer.rest().await,
            b"",
            "the given-up connection is used again"
        );
        port.greeted().await.take().await
    };
    let (outcome, taken) = tokio::join!(smtp.send(&second), server);
    assert_eq!(outcome, accepted(&second));
    assert!(
        taken.contains("bela") && !taken.contains("amala"),
        "{taken}"
    );
}

#[tokio::test]
async fn a_message_that_finds_every_connection_in_use_waits_without_being_counted() {
    let (port, number) = Port::open().await;
    let smtp = plain(number, IMPATIENT);
    let (first, second) = (message("amala@example.com"), message("bela@example.com"));
    let server = async {
        let mut peer = port.greeted().await;
        peer.go_ahead().await;
        peer.rest().await;
    };
    let ((first, second), ()) = tokio::join!(
        async { tokio::join!(smtp.send(&first), smtp.send(&second)) },
        server
    );
    assert_eq!(first.name(), "ambiguous");
    assert_eq!(second, Outcome::Throttled { after: BUSY_FOR });
}

#[tokio::test]
async fn letters_outside_ascii_are_not_sent_to_a_server_that_cannot_read_them() {
    let (port, number) = Port::open().await;
    let smtp = plain(number, PATIENT);
    let server = async {
        let mut peer = port.greeted().await;
        peer.hear("RSET").await;
        peer.say("250 OK").await;
    };
    let message = message("renée@example.com");
    let (outcome, ()) = tokio::join!(smtp.send(&message), server);
    let why = "an address has letters outside ASCII, which the server does not take";
    assert_eq!(outcome, rejected(why));
}

#[tokio::test]
async fn where_nobody_listens_the_place_is_named() {
    let port = free_port();
    let smtp = plain(port, PATIENT);
    let what = format!("nothing answers at 127.0.0.1:{port}");
    let advice = "check settings.host and settings.port, and firewalls on the way";
    let outcome = smtp.send(&message("amala@example.com")).await;
    assert_eq!(outcome, failed(&format!("{what}: {advice}")));
    let unreachable = smtp.probe().await.unwrap_err();
    assert_eq!(
        (unreachable.what, unreachable.advice),
        (what, advice.to_owned())
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_named() {
    let mut settings = settings(25, SmtpTls::None, None);
    settings.host = "mail.invalid".into();
    let smtp = Smtp::new("relay", &settings, None, PATIENT).unwrap();
    let unreachable = smtp.probe().await.unwrap_err();
    assert_eq!(
        unreachable.what,
        "the host name mail.invalid does not resolve"
    );
}
