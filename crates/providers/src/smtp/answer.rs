//! What a mail server's answer means: a table of codes, and of the server's free text nothing but
//! whether it speaks of our account, for it may quote an address.

use std::fmt;
use std::time::Duration;

use carillon_core::attempt::{Blame, Outcome};

use self::trouble::Trouble;

#[cfg(test)]
mod tests;
mod trouble;

/// How long a server that has had enough of us is left alone.
pub(super) const THROTTLED_FOR: Duration = Duration::from_secs(30);

/// Which part of the dialogue an answer is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The greeting and the answer to EHLO.
    Hello,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Login,
    /// MAIL: the first word about this message.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA, before any of the message.
    Data,
    /// The message itself.
    Message,
    /// NOOP, RSET and QUIT.
    Aside,
}

/// An answer: its code (RFC 5321), its enhanced code (RFC 3463), if it has one, and what its text
/// says of our account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// Subject and detail; the class says the same as the code's first digit.
    pub(super) enhanced: Option<(u16, u16)>,
    /// Which counts at some stages only: see [`Self::trouble`].
    pub(super) trouble: Option<Trouble>,
}

/// What an answer means, in our words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) what: &'static str,
    /// What an operator can do about it.
    pub(super) advice: Option<&'static str>,
}

impl Answer {
    /// An answer of this code and text. Of the text nothing but an enhanced code and
    /// what it says of our account is kept.
    pub(super) fn read(code: u16, text: &str) -> Self {
        let word = text.split_ascii_whitespace().next().unwrap_or_default();
        let enhanced = enhanced(word).filter(|(class, ..)| *class == code / 100);
        Self {
            code,
            enhanced: enhanced.map(|(_, subject, detail)| (subject, detail)),
            trouble: Trouble::read(text),
        }
    }

    /// What follows from a refusal at this stage.
    ///
    /// * `Throttled`: the server has had enough of *us*. See [`Self::is_throttling`].
    /// * `Failed`: any other 4xx, and a 5xx about the session or our account and not about the
    ///   message: before MAIL; where the server wants a login, wants TLS or does not know a command;
    ///   for its policy at MAIL, where it knows the sender alone; or where its text names our
    ///   account's trouble. Somebody puts that right, and then the message can go.
    /// * `Rejected`: any other 5xx.
    pub(super) fn outcome(self, stage: Stage) -> Outcome {
        if self.is_throttling(stage) {
            Outcome::Throttled {
                after: THROTTLED_FOR,
            }
        } else if self.code < 500 || self.is_about_the_session(stage) {
            Outcome::Failed {
                detail: self.detail(stage),
                blame: self.blame(stage),
            }
        } else {
            Outcome::Rejected {
                detail: self.detail(stage),
            }
        }
    }

    /// Whom a failure is about: our login, as long as only we are known; this message, once its sender
    /// or recipient has been named, such as greylisting or a recipient that we may not write to; or
    /// else the server.
    fn blame(self, stage: Stage) -> Blame {
        let is_login = matches!(self.code, 530 | 534 | 535 | 538)
            || (self.code >= 500 && matches!(self.enhanced, Some((7, 8 | 9))));
        match (stage, self.trouble(stage)) {
            (_, Some(Trouble::Paused)) => Blame::Account,
            _ if self.code == 421 => Blame::Provider,
            (Stage::Recipient | Stage::Data | Stage::Message, _)
            | (Stage::Sender, Some(Trouble::Sender)) => Blame::Message,
            (_, Some(Trouble::NoLogin)) => Blame::Account,
            _ if is_login => Blame::Account,
            (Stage::Sender, _) => Blame::Message,
            (Stage::Hello | Stage::Tls | Stage::Login | Stage::Aside, _) => Blame::Provider,
        }
    }

    /// Whether the server slows down this sender, whoever the recipient is:
    ///
    /// * 421, 450, 451 or 452 with 4.3.2 (takes no mail now), 4.4.5 (congested), 4.7.28 (a flood),
    ///   or 4.7.500 to 4.7.699 (Microsoft's "server busy");
    /// * 421 with another 4.7: it hangs up on us for its policy, as Postfix and Google do;
    /// * 450 or 451 with another 4.7 at MAIL, before a recipient is named, as Postfix does;
    /// * 454 about a message, which is Amazon's "throttling failure", unless it is Postfix's "relay
    ///   access denied".
    ///
    /// 450 or 451 with 4.7.1 at RCPT is not among them. That is greylisting: it is about one
    /// recipient, should slow down no other, and counts as an attempt.
    fn is_throttling(self, stage: Stage) -> bool {
        let is_about_a_message = matches!(
            stage,
            Stage::Sender | Stage::Recipient | Stage::Data | Stage::Message
        );
        match (self.code, self.enhanced) {
            (421 | 450 | 451 | 452, Some((3, 2) | (4, 5) | (7, 28 | 500..=699)))
            | (421, Some((7, _))) => true,
            (450 | 451, Some((7, _))) => stage == Stage::Sender,
            (454, _) => is_about_a_message && self.trouble(stage).is_none(),
            _ => false,
        }
    }

    fn is_about_the_session(self, stage: Stage) -> bool {
        matches!(
            stage,
            Stage::Hello | Stage::Tls | Stage::Login | Stage::Aside
        ) || matches!(self.code, 500 | 502..=504 | 523 | 530 | 534 | 535 | 538)
            || matches!(self.enhanced, Some((7, 8 | 9 | 11)))
            || (stage == Stage::Sender && matches!(self.enhanced, Some((7, _))))
            || self.trouble(stage).is_some()
    }

    /// What its text says of our account, where that can be believed.
    fn trouble(self, stage: Stage) -> Option<Trouble> {
        let subject = self.enhanced.map(|(subject, _)| subject);
        self.trouble
            .filter(|trouble| trouble.counts(stage, subject))
    }

    /// The codes, what they mean and what to do about it, such as "550 5.1.1 the recipient's
    /// mailbox does not exist".
    pub(super) fn detail(self, stage: Stage) -> String {
        let Meaning { what, advice } = self.meaning(stage);
        match advice {
            Some(advice) => format!("{self} {what}: {advice}"),
            None => format!("{self} {what}"),
        }
    }

    /// What it means in our words: by the text where it speaks of our account, and by the enhanced
    /// code where there is one that says more.
    pub(super) fn meaning(self, stage: Stage) -> Meaning {
        let by_enhanced = self
            .enhanced
            .and_then(|enhanced| of_enhanced(self.code, enhanced));
        let (what, advice) = self
            .trouble(stage)
            .map(Trouble::words)
            .or_else(|| of_code(self.code, stage))
            .or(by_enhanced)
            .unwrap_or_else(|| of_stage(self.code, stage));
        Meaning { what, advice }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code;
        match self.enhanced {
            Some((subject, detail)) => write!(f, "{code} {}.{subject}.{detail}", code / 100),
            None => write!(f, "{code}"),
        }
    }
}

/// Class, subject and detail of a word such as `5.1.1`.
fn enhanced(word: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = word.split('.').map(|digits| {
        let is_number =
            (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten()
    });
    let three = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(three)
}

type Words = (&'static str, Option<&'static str>);

const WANTS_LOGIN: Words = (
    "the server wants a login",
    Some("give the provider a username and a password, and TLS"),
);

/// Codes that mean one thing, whatever the enhanced code adds.
fn of_code(code: u16, stage: Stage) -> Option<Words> {
    Some(match (code, stage) {
        (535, _) => (
            "the server refuses this login",
            Some("check username and password"),
        ),
        (530, Stage::Hello | Stage::Login) | (523 | 538, _) => (
            "the server wants TLS first",
            Some("set tls to starttls or implicit"),
        ),
        (530, _) => WANTS_LOGIN,
        (534, _) => (
            "the server refuses this way to log in",
            Some(
                "allow AUTH PLAIN or LOGIN for this user, perhaps with a password for applications",
            ),
        ),
        (454, Stage::Tls) => ("the server cannot do TLS now", None),
        (454, Stage::Login) => ("the server cannot check logins now", None),
        (454, _) => ("the server takes fewer messages than it is given", None),
        _ => return None,
    })
}

/// Enhanced codes (RFC 3463, RFC 5248 and later), whose detail tells more than the code.
fn of_enhanced(code: u16, enhanced: (u16, u16)) -> Option<Words> {
    let is_final = code >= 500;
    Some(match enhanced {
        (1, 1) => ("the recipient's mailbox does not exist", None),
        (1, 2 | 10) => ("the recipient's domain takes no mail", None),
        (1, 3) => ("the server cannot read the recipient's address", None),
        (1, 6) => ("the recipient's mailbox has moved", None),
        (1, 7 | 8) => (
            "the server knows no such sender",
            Some("check the service's sender address"),
        ),
        (2, 1) if is_final => ("the recipient's mailbox is disabled", None),
        (2, 2) => ("the recipient's mailbox is full", None),
        (2, 3) | (3, 4) => ("the message is larger than the server takes", None),
        (3, 1) => ("the server has no room left", None),
        (3, 2) => ("the server takes no mail now", None),
        (4, 1 | 2 | 3 | 4 | 7) => ("the server cannot reach the recipient's server", None),
        (4, 5) => ("the server is congested", None),
        (6, 7) => (
            "the recipient's server takes no address with letters outside ASCII",
            None,
        ),
        (7, 1 | 2) if is_final => (
            "the server's policy does not allow it",
            Some("ask its operator whether it takes this sender's mail from here"),
        ),
        (7, 8) => (
            "the server refuses this login",
            Some("check username and password"),
        ),
        (7, 9) => (
            "the server refuses this way to log in",
            Some(
                "allow AUTH PLAIN or LOGIN for this user, perhaps with a password for applications",
            ),
        ),
        (7, 11) => (
            "the server wants TLS first",
            Some("set tls to starttls or implicit"),
        ),
        (7, 20..=27 | 29) => (
            "the sender's domain does not vouch for this server",
            Some("check SPF, DKIM and DMARC of the sender's domain"),
        ),
        (7, 28 | 500..=699) => ("the server takes fewer messages than it is given", None),
        _ => return None,
    })
}

/// What is left to say when neither code tells more.
fn of_stage(code: u16, stage: Stage) -> Words {
    let advice = match (code, stage) {
        (500 | 502..=504, _) => Some("a proxy or another program may be answering in its place"),
        _ => None,
    };
    let what = match (code, stage) {
        (421, _) => "the server hangs up for now",
        (452, _) => "the server has no room left",
        (500 | 502..=504, _) => "the server does not know the command",
        (400..500, Stage::Recipient) => "the server asks to try this recipient later",
        (400..500, _) => "the server asks to try later",
        (552, _) => "the message or the recipient's mailbox is too large",
        (521 | 556, Stage::Recipient) => "the recipient's domain takes no mail",
        (_, Stage::Hello) => "the server refuses the connection",
        (_, Stage::Tls) => "the server refuses TLS",
        (_, Stage::Login) => "the server refuses the login",
        (_, Stage::Sender) => "the server refuses the sender",
        (_, Stage::Recipient) => "the server refuses the recipient",
        (_, Stage::Data | Stage::Message) => "the server refuses the message",
        (_, Stage::Aside) => "the server refuses a harmless command",
    };
    (what, advice)
}
