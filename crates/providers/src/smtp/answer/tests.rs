//! The table, answer by answer.

use super::*;

/// "code text" at a stage, as a server would write it.
fn read(answer: &str) -> Answer {
    let (code, text) = answer.split_once(' ').unwrap_or((answer, ""));
    Answer::read(code.parse().unwrap(), text)
}

#[test]
fn every_refusal_has_its_outcome() {
    use Stage::{Aside, Data, Hello, Login, Message, Recipient, Sender, Tls};

    let table = [
        // About the message, its sender or its recipient, for good.
        (
            Recipient,
            "550 5.1.1 <amala@example.com>: no such user",
            "rejected: 550 5.1.1 the recipient's mailbox does not exist",
        ),
        (
            Recipient,
            "550 No such user amala here",
            "rejected: 550 the server refuses the recipient",
        ),
        (
            Recipient,
            "552 5.2.2 over quota",
            "rejected: 552 5.2.2 the recipient's mailbox is full",
        ),
        (
            Recipient,
            "556 no",
            "rejected: 556 the recipient's domain takes no mail",
        ),
        (
            Recipient,
            "554 5.7.1 <amala@example.com>: Recipient address rejected: Access denied",
            "rejected: 554 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
        ),
        (
            Recipient,
            "550 5.1.1 <relay@example.com>: does not exist",
            "rejected: 550 5.1.1 the recipient's mailbox does not exist",
        ),
        (
            Recipient,
            "550 5.7.1 relay.example.com says: no",
            "rejected: 550 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
        ),
        (
            Message,
            "554 5.7.1 relay.example.com does not relay what is unauthenticated: Authentication required",
            "rejected: 554 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
        ),
        (
            Sender,
            "553 5.1.8 unknown domain",
            "rejected: 553 5.1.8 the server knows no such sender: check the service's sender address",
        ),
        (
            Sender,
            "550 no",
            "rejected: 550 the server refuses the sender",
        ),
        (
            Message,
            "554 5.7.1 spam",
            "rejected: 554 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
        ),
        (
            Message,
            "550 5.7.26 unauthenticated",
            "rejected: 550 5.7.26 the sender's domain does not vouch for this server: check SPF, DKIM and DMARC of the sender's domain",
        ),
        (
            Message,
            "552 5.3.4 too big",
            "rejected: 552 5.3.4 the message is larger than the server takes",
        ),
        (
            Data,
            "554 no valid recipients",
            "rejected: 554 the server refuses the message",
        ),
        // About the session: somebody puts it right.
        (
            Hello,
            "554 5.7.1 you are listed",
            "failed: 554 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
        ),
        (
            Hello,
            "521 no",
            "failed: 521 the server refuses the connection",
        ),
        (
            Tls,
            "454 4.7.0 TLS not available",
            "failed: 454 4.7.0 the server cannot do TLS now",
        ),
        (
            Login,
            "535 5.7.8 bad credentials for amala",
            "failed: 535 5.7.8 the server refuses this login: check username and password",
        ),
        (
            Login,
            "535 no",
            "failed: 535 the server refuses this login: check username and password",
        ),
        (
            Login,
            "534 5.7.9 use an application password",
            "failed: 534 5.7.9 the server refuses this way to log in: allow AUTH PLAIN or LOGIN for this user, perhaps with a password for applications",
        ),
        (
            Login,
            "454 4.7.0 try later",
            "failed: 454 4.7.0 the server cannot check logins now",
        ),
        (
            Login,
            "538 no",
            "failed: 538 the server wants TLS first: set tls to starttls or implicit",
        ),
        (
            Sender,
            "530 5.7.0 Authentication required",
            "failed: 530 5.7.0 the server wants a login: give the provider a username and a password, and TLS",
        ),
        (
            Recipient,
            "550 5.7.11 encryption needed",
            "failed: 550 5.7.11 the server wants TLS first: set tls to starttls or implicit",
        ),
        (
            Sender,
            "503 5.5.1 bad sequence",
            "failed: 503 5.5.1 the server does not know the command: a proxy or another program may be answering in its place",
        ),
        (
            Aside,
            "550 no",
            "failed: 550 the server refuses a harmless command",
        ),
        // About our account.
        (
            Recipient,
            "554 5.7.1 <amala@example.com>: Relay access denied",
            "failed: 554 5.7.1 the server passes no mail on for us: give the provider a login, or have the server accept mail from this machine",
        ),
        (
            Recipient,
            "454 4.7.1 <amala@example.com>: Relay access denied",
            "failed: 454 4.7.1 the server passes no mail on for us: give the provider a login, or have the server accept mail from this machine",
        ),
        (
            Recipient,
            "550 5.7.1 Relaying denied. Log in first.",
            "failed: 550 5.7.1 the server passes no mail on for us: give the provider a login, or have the server accept mail from this machine",
        ),
        (
            Recipient,
            "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
            "failed: 550 5.7.54 the server passes no mail on for us: give the provider a login, or have the server accept mail from this machine",
        ),
        (
            Recipient,
            "550 relay not permitted",
            "failed: 550 the server passes no mail on for us: give the provider a login, or have the server accept mail from this machine",
        ),
        (
            Recipient,
            "553 5.7.1 <clinic@example.org>: Sender address rejected: not owned by user relay",
            "failed: 553 5.7.1 the server does not let us send from this address: check the service's sender address, and what the provider's login may use",
        ),
        (
            Sender,
            "550 5.7.60 Client does not have permissions to send as this sender",
            "failed: 550 5.7.60 the server does not let us send from this address: check the service's sender address, and what the provider's login may use",
        ),
        (
            Sender,
            "550 5.7.1 Client was not authenticated",
            "failed: 550 5.7.1 the server wants a login: give the provider a username and a password, and TLS",
        ),
        (
            Sender,
            "550 5.7.1 Authentication required",
            "failed: 550 5.7.1 the server wants a login: give the provider a username and a password, and TLS",
        ),
        (
            Sender,
            "554 5.7.1 you are listed",
            "failed: 554 5.7.1 the server's policy does not allow it: ask its operator whether it takes this sender's mail from here",
        ),
        (
            Message,
            "554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: clinic@example.org",
            "failed: 554 an address or domain is not verified: verify the sender's; while the account is in SES's sandbox, the recipient's too",
        ),
        (
            Message,
            "554 Message rejected: Sending paused for this account.",
            "failed: 554 the account's sending is paused: see why in SES's console under reputation, and resume it there",
        ),
        // For a while.
        (
            Hello,
            "421 going down",
            "failed: 421 the server hangs up for now",
        ),
        (
            Recipient,
            "450 4.2.1 later",
            "failed: 450 4.2.1 the server asks to try this recipient later",
        ),
        (
            Recipient,
            "451 4.7.1 greylisted",
            "failed: 451 4.7.1 the server asks to try this recipient later",
        ),
        (
            Recipient,
            "450 later",
            "failed: 450 the server asks to try this recipient later",
        ),
        (
            Recipient,
            "452 4.3.1 disk full",
            "failed: 452 4.3.1 the server has no room left",
        ),
        (
            Message,
            "451 local error",
            "failed: 451 the server asks to try later",
        ),
        (
            Message,
            "432 4.3.2 recipient thread limit",
            "failed: 432 4.3.2 the server takes no mail now",
        ),
        // We are too fast.
        (Hello, "421 4.7.0 too many connections", "throttled"),
        (Hello, "421 4.3.2 busy", "throttled"),
        (Sender, "450 4.7.1 too much mail from you", "throttled"),
        (Recipient, "450 4.3.2 busy", "throttled"),
        (Recipient, "421 4.7.0 rate limited", "throttled"),
        (Message, "451 4.7.500 server busy", "throttled"),
        (Message, "450 4.7.28 flood", "throttled"),
        (Message, "452 4.4.5 congested", "throttled"),
        (
            Message,
            "454 Throttling failure: Maximum sending rate exceeded",
            "throttled",
        ),
    ];
    for (stage, answer, expected) in table {
        let outcome = read(answer).outcome(stage);
        let said = match &outcome {
            Outcome::Throttled { after } => {
                assert_eq!(*after, THROTTLED_FOR);
                outcome.name().to_owned()
            }
            _ => format!("{}: {}", outcome.name(), outcome.detail().unwrap()),
        };
        assert_eq!(said, expected, "{stage:?} {answer}");
    }
}

#[test]
fn a_failure_is_blamed_on_whom_it_is_about() {
    use Stage::{Hello, Login, Message, Recipient, Sender, Tls};

    let table = [
        (Login, "535 5.7.8 no", Blame::Account),
        (Sender, "530 5.7.0 log in", Blame::Account),
        (Sender, "550 authentication required", Blame::Account),
        // Of this recipient; others may be written to without.
        (Recipient, "530 5.7.1 log in", Blame::Message),
        (Recipient, "554 5.7.1 relay access denied", Blame::Message),
        (
            Recipient,
            "550 5.7.1 sender address rejected",
            Blame::Message,
        ),
        (Recipient, "450 later", Blame::Message),
        (Message, "451 local error", Blame::Message),
        (Recipient, "421 shutting down", Blame::Provider),
        (Hello, "554 no service here", Blame::Provider),
        (Tls, "454 not now", Blame::Provider),
    ];
    for (stage, answer, expected) in table {
        let outcome = read(answer).outcome(stage);
        let blame = match outcome {
            Outcome::Failed { blame, .. } => Some(blame),
            _ => None,
        };
        assert_eq!(blame, Some(expected), "{stage:?} {answer}: {outcome:?}");
    }
}

#[test]
fn of_the_servers_text_only_an_enhanced_code_is_kept() {
    let table = [
        ("550 5.1.1 amala@example.com", "550 5.1.1"),
        ("550 5.1.1", "550 5.1.1"),
        ("550", "550"),
        ("550 amala@example.com", "550"),
        // Another class than the code's, a number too long, one too many, an address.
        ("550 4.1.1 x", "550"),
        ("550 5.1.1234 x", "550"),
        ("550 5.1.1.1 x", "550"),
        ("550 5..1 x", "550"),
        ("550 5.1.+1 x", "550"),
        ("550 5.1.1: x", "550"),
        ("550 5.1.1@example.com x", "550"),
    ];
    for (answer, expected) in table {
        assert_eq!(read(answer).to_string(), expected, "{answer}");
    }
}
