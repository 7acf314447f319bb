//! Why a message has not been handed over, or a server cannot be used.

use std::error::Error as _;
use std::io;

use carillon_core::attempt::{Blame, Outcome};
use lettre::transport::smtp::Error;
use rustls::CertificateError;

use super::answer::{Answer, Meaning, Stage};
use crate::provider::Unreachable;

/// What went wrong while the server certainly has not taken the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server said no.
    Refused(Stage, Answer),
    /// The host's name has no address.
    Unresolved { host: String },
    /// Nothing listens there, or no packet gets through.
    Unreached { place: String },
    /// The server's certificate is not accepted.
    Certificate(Meaning),
    /// The handshake failed for another reason than the certificate.
    Handshake,
    /// The server has no STARTTLS, and nothing is said without.
    NoTls,
    /// The server offers neither AUTH PLAIN nor AUTH LOGIN.
    NoLogin,
    /// An address has letters outside ASCII, and the server has no SMTPUTF8.
    AsciiOnly,
    /// No answer in time.
    Late(Stage),
    /// The connection was lost, or what came is no answer.
    Lost(Stage),
}

impl Fault {
    /// What a failure of the client at this stage is.
    pub(super) fn of(stage: Stage, error: &Error) -> Self {
        if let Some(code) = error.status() {
            let text = error.source().map(ToString::to_string).unwrap_or_default();
            return Self::Refused(stage, Answer::read(code.into(), &text));
        }
        match rustls_error(error) {
            Some(rustls::Error::InvalidCertificate(why)) => Self::Certificate(certificate(why)),
            Some(_) => Self::Handshake,
            None => Self::Lost(stage),
        }
    }

    /// Whether the server may merely have given up a connection that lay idle. Nothing of the
    /// message has been written at these stages, so it may go over another connection.
    pub(super) fn is_staleness(&self) -> bool {
        match self {
            Self::Lost(stage) => matches!(stage, Stage::Sender | Stage::Recipient | Stage::Data),
            Self::Late(stage) => *stage == Stage::Sender,
            Self::Refused(stage, answer) => *stage == Stage::Sender && answer.code == 421,
            _ => false,
        }
    }

    /// Whether the connection can still be used: the server said no and did not hang up.
    pub(super) fn leaves_the_connection(&self) -> bool {
        match self {
            Self::Refused(_, answer) => answer.code != 421,
            Self::AsciiOnly => true,
            _ => false,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(stage, answer) => answer.outcome(*stage),
            Self::AsciiOnly => Outcome::Rejected {
                detail: self.detail(),
            },
            _ => Outcome::Failed {
                detail: self.detail(),
                blame: Blame::Provider,
            },
        }
    }

    pub(super) fn unreachable(&self) -> Unreachable {
        let advice = self
            .advice()
            .unwrap_or("try again later, or ask its operator");
        Unreachable {
            what: self.what(),
            advice: advice.to_owned(),
        }
    }

    fn detail(&self) -> String {
        let what = self.what();
        match self.advice() {
            Some(advice) => format!("{what}: {advice}"),
            None => what,
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Refused(stage, answer) => format!("{answer} {}", answer.meaning(*stage).what),
            Self::Unresolved { host } => format!("the host name {host} does not resolve"),
            Self::Unreached { place } => format!("nothing answers at {place}"),
            Self::Certificate(meaning) => meaning.what.to_owned(),
            Self::Handshake => "TLS with the server fails".to_owned(),
            Self::NoTls => "the server offers no STARTTLS".to_owned(),
            Self::NoLogin => "the server offers no login by PLAIN or LOGIN".to_owned(),
            Self::AsciiOnly => {
                "an address has letters outside ASCII, which the server does not take".to_owned()
            }
            Self::Late(stage) => format!("no answer in time {}", when(*stage)),
            Self::Lost(stage) => format!("the connection was lost {}", when(*stage)),
        }
    }

    fn advice(&self) -> Option<&'static str> {
        const PORT: &str = "check that settings.tls is what the server does on this port";
        match self {
            Self::Refused(stage, answer) => answer.meaning(*stage).advice,
            Self::Unresolved { .. } => Some("check settings.host, and DNS on this machine"),
            Self::Unreached { .. } => {
                Some("check settings.host and settings.port, and firewalls on the way")
            }
            Self::Certificate(meaning) => meaning.advice,
            Self::Handshake
            | Self::NoTls
            | Self::Late(Stage::Hello | Stage::Tls)
            | Self::Lost(Stage::Hello | Stage::Tls) => Some(PORT),
            Self::NoLogin => Some("log in on another port, often 587, or take the login away"),
            Self::AsciiOnly | Self::Late(_) | Self::Lost(_) => None,
        }
    }
}

const fn when(stage: Stage) -> &'static str {
    match stage {
        Stage::Hello => "before the server's greeting",
        Stage::Tls => "while TLS was set up",
        Stage::Login => "at the login",
        Stage::Sender | Stage::Recipient | Stage::Data => "before the message was sent",
        Stage::Message => "before the whole message was sent",
        Stage::Aside => "at a harmless command",
    }
}

/// The TLS library's error somewhere below, if there is one.
fn rustls_error(error: &Error) -> Option<&rustls::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error hides its cause from `source`, which skips to the cause's own.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(found);
        }
        source = error.source();
    }
    None
}

fn certificate(why: &CertificateError) -> Meaning {
    match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Meaning {
                what: "the server's certificate bears another name",
                advice: Some("set settings.host to a name in its certificate"),
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Meaning {
            what: "the server's certificate has expired",
            advice: Some("renew it, or check the clock of this machine"),
        },
        _ => Meaning {
            what: "the server's certificate is not trusted",
            advice: Some("set settings.ca_pem to the authority that signed it"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_refused_with_what_to_do_about_it() {
        let table = [
            (CertificateError::UnknownIssuer, "not trusted", "ca_pem"),
            (
                CertificateError::NotValidForName,
                "another name",
                "settings.host",
            ),
            (CertificateError::Expired, "expired", "renew"),
            (CertificateError::BadSignature, "not trusted", "ca_pem"),
        ];
        for (why, what, advice) in table {
            let fault = Fault::Certificate(certificate(&why)).unreachable();
            assert!(fault.what.ends_with(what), "{why:?}: {fault}");
            assert!(fault.advice.contains(advice), "{why:?}: {}", fault.advice);
        }
    }

    #[test]
    fn only_what_says_nothing_about_the_message_is_put_down_to_an_idle_connection() {
        let answer = |code| Answer {
            code,
            enhanced: None,
            trouble: None,
        };
        let table = [
            (Fault::Lost(Stage::Sender), true),
            (Fault::Lost(Stage::Data), true),
            (Fault::Lost(Stage::Message), false),
            (Fault::Late(Stage::Sender), true),
            (Fault::Late(Stage::Recipient), false),
            (Fault::Refused(Stage::Sender, answer(421)), true),
            (Fault::Refused(Stage::Sender, answer(550)), false),
            (Fault::Refused(Stage::Recipient, answer(421)), false),
            (Fault::AsciiOnly, false),
        ];
        for (fault, expected) in table {
            assert_eq!(fault.is_staleness(), expected, "{fault:?}");
        }
    }
}
