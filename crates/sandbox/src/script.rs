//! Scripted recipients: the address says what happens to the message.

use std::time::Duration;

use carillon_core::receipt::ReceiptKind;
use serde::{Deserialize, Serialize};

use ReceiptKind::{Complaint, Delayed, Delivered, PermanentFailure, TemporaryFailure};

/// The domain of scripted e-mail addresses.
pub const DOMAIN: &str = "simulator.notify";

/// What a recipient asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Everyone else: accepted and delivered.
    Deliver,
    /// Accepted; a permanent failure is reported.
    PermanentFailure,
    /// Accepted; a temporary failure is reported.
    TemporaryFailure,
    /// Accepted; delivered, then complained about.
    Complaint,
    /// Accepted; delayed, and delivered two seconds later.
    Delay,
    /// Throttled twice per message, then delivered.
    Throttle,
    /// An error of the sandbox twice per message, then delivered.
    Fail,
    /// Accepted, but the connection of a message's first accepted call is cut before the answer.
    Reset,
    /// Refused for good.
    Reject,
    /// Never answered.
    Hang,
}

/// One receipt of a script.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// What it says.
    pub kind: ReceiptKind,
    /// How long after the receipt before it; the first also waits for the general delay.
    pub after: Duration,
}

/// How many calls per message [`Script::Throttle`] and [`Script::Fail`] refuse.
pub const REFUSALS: u8 = 2;

const fn at_once(kind: ReceiptKind) -> Step {
    later(kind, Duration::ZERO)
}

const fn later(kind: ReceiptKind, after: Duration) -> Step {
    Step { kind, after }
}

impl Script {
    /// The script of a recipient. What follows a `+` in the local part makes addresses of the
    /// same script distinct.
    #[must_use]
    pub fn of(recipient: &str) -> Self {
        match recipient {
            "+447700900002" => return Self::PermanentFailure,
            "+447700900003" => return Self::TemporaryFailure,
            _ => {}
        }
        let Some((local, domain)) = recipient.rsplit_once('@') else {
            return Self::Deliver;
        };
        if !domain.eq_ignore_ascii_case(DOMAIN) {
            return Self::Deliver;
        }
        let name = local.split_once('+').map_or(local, |(name, _)| name);
        match name.to_ascii_lowercase().as_str() {
            "perm-fail" => Self::PermanentFailure,
            "temp-fail" => Self::TemporaryFailure,
            "complaint" => Self::Complaint,
            "delay" => Self::Delay,
            "throttle" => Self::Throttle,
            "fail" => Self::Fail,
            "reset" => Self::Reset,
            "reject" => Self::Reject,
            "hang" => Self::Hang,
            _ => Self::Deliver,
        }
    }

    /// The receipts of an accepted message, in order; each follows once the one before it was
    /// confirmed.
    #[must_use]
    pub const fn steps(self) -> &'static [Step] {
        const TWO_SECONDS: Duration = Duration::from_secs(2);
        match self {
            Self::PermanentFailure => const { &[at_once(PermanentFailure)] },
            Self::TemporaryFailure => const { &[at_once(TemporaryFailure)] },
            Self::Complaint => const { &[at_once(Delivered), at_once(Complaint)] },
            Self::Delay => const { &[at_once(Delayed), later(Delivered, TWO_SECONDS)] },
            Self::Deliver | Self::Throttle | Self::Fail | Self::Reset => {
                const { &[at_once(Delivered)] }
            }
            Self::Reject | Self::Hang => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_part_at_the_simulator_is_the_script() {
        for (recipient, script) in [
            ("perm-fail@simulator.notify", Script::PermanentFailure),
            ("Perm-Fail+17@Simulator.Notify", Script::PermanentFailure),
            ("hang@simulator.notify", Script::Hang),
            ("hang@example.com", Script::Deliver),
            ("anything@simulator.notify", Script::Deliver),
            ("+447700900002", Script::PermanentFailure),
            ("+447700900003", Script::TemporaryFailure),
            ("+447700900004", Script::Deliver),
        ] {
            assert_eq!(Script::of(recipient), script, "{recipient}");
        }
    }

    #[test]
    fn no_script_reports_the_same_twice() {
        // The event id is made of the call and the kind.
        for script in [Script::Complaint, Script::Delay] {
            let kinds: Vec<_> = script.steps().iter().map(|s| s.kind).collect();
            assert!(
                kinds.windows(2).all(|pair| pair[0] != pair[1]),
                "{script:?}"
            );
        }
    }
}
