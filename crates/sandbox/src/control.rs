//! What can be changed while the sandbox runs.

use serde::{Deserialize, Serialize};

/// How the sandbox behaves towards everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Controls {
    /// Calls per second that are taken; 0 is no limit.
    pub throttle_per_second: u32,
    /// How long after an accepted call its first receipt follows.
    pub receipt_delay_ms: u32,
    /// Every call fails with 503.
    pub fail_all: bool,
    /// Receipts wait until this is taken back.
    pub hold_receipts: bool,
}

/// The body of `POST /control`; what is not named stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    throttle_per_second: Option<u32>,
    receipt_delay_ms: Option<u32>,
    fail_all: Option<bool>,
    hold_receipts: Option<bool>,
}

impl Controls {
    /// Applies what the change names.
    pub fn change(&mut self, change: Change) {
        let Change {
            throttle_per_second,
            receipt_delay_ms,
            fail_all,
            hold_receipts,
        } = change;
        set(&mut self.throttle_per_second, throttle_per_second);
        set(&mut self.receipt_delay_ms, receipt_delay_ms);
        set(&mut self.fail_all, fail_all);
        set(&mut self.hold_receipts, hold_receipts);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let mut controls = Controls {
            throttle_per_second: 5,
            receipt_delay_ms: 50,
            fail_all: false,
            hold_receipts: true,
        };
        let change = serde_json::from_str(r#"{"fail_all":true,"throttle_per_second":0}"#).unwrap();
        controls.change(change);
        let expected = Controls {
            throttle_per_second: 0,
            fail_all: true,
            ..controls
        };
        assert_eq!(controls, expected);
        assert!(controls.hold_receipts && controls.receipt_delay_ms == 50);
        assert!(serde_json::from_str::<Change>(r#"{"hold":true}"#).is_err());
    }
}
