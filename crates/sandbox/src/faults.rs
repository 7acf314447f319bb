//! Faults that calls of everyone meet by chance, and a seed that makes the chance repeatable.

use serde::{Deserialize, Serialize};

/// What may happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// 503; the message is not taken.
    Fail,
    /// 429; the message is not taken.
    Throttle,
    /// No answer; the message is not taken.
    Hang,
    /// The message is taken, and the connection cut before the answer.
    ResetAfterAccept,
}

/// How often each fault happens: the body of `PUT /faults`, which replaces what was set before.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Equal seeds and shares give the same fault to the n-th call from here on.
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    percent: Percent,
}

/// Shares of all calls, together at most 100.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Given")]
struct Percent {
    fail: f64,
    throttle: f64,
    hang: f64,
    reset_after_accept: f64,
}

/// [`Percent`] before it is checked.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    fail: f64,
    throttle: f64,
    hang: f64,
    reset_after_accept: f64,
}

impl TryFrom<Given> for Percent {
    type Error = String;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        let percent = Self {
            fail: given.fail,
            throttle: given.throttle,
            hang: given.hang,
            reset_after_accept: given.reset_after_accept,
        };
        for (share, name, _) in percent.shares() {
            if !(0.0..=100.0).contains(&share) {
                return Err(format!(
                    "percent.{name} is {share}; it must be from 0 to 100"
                ));
            }
        }
        let sum: f64 = percent.shares().iter().map(|(share, ..)| share).sum();
        if sum > 100.0 {
            return Err(format!("percent adds up to {sum}; it must not exceed 100"));
        }
        Ok(percent)
    }
}

impl Percent {
    const fn shares(&self) -> [(f64, &'static str, Fault); 4] {
        [
            (self.fail, "fail", Fault::Fail),
            (self.throttle, "throttle", Fault::Throttle),
            (self.hang, "hang", Fault::Hang),
            (
                self.reset_after_accept,
                "reset_after_accept",
                Fault::ResetAfterAccept,
            ),
        ]
    }
}

/// The faults that are set, and how many calls have met them.
#[derive(Debug, Default)]
pub(crate) struct Dice {
    faults: Faults,
    n_thrown: u64,
}

impl Dice {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            faults,
            n_thrown: 0,
        }
    }

    pub(crate) const fn faults(&self) -> Faults {
        self.faults
    }

    /// What happens to the next call; nothing unless a fault was set.
    pub(crate) fn throw(&mut self) -> Option<Fault> {
        self.n_thrown += 1;
        let mut left = percent_of(self.faults.seed, self.n_thrown);
        for (share, _, fault) in self.faults.percent.shares() {
            if left < share {
                return Some(fault);
            }
            left -= share;
        }
        None
    }
}

/// A number from 0 up to 100 for the n-th throw of a seed (SplitMix64).
fn percent_of(seed: u64, n: u64) -> f64 {
    let mut bits = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // 53 bits, which is what an f64 holds.
    (bits >> 11) as f64 / (1_u64 << 53) as f64 * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Result<Faults, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn throws(faults: Faults, n: usize) -> Vec<Option<Fault>> {
        let mut dice = Dice::new(faults);
        (0..n).map(|_| dice.throw()).collect()
    }

    #[test]
    fn each_fault_happens_as_often_as_was_asked_for() {
        let faults = faults(
            r#"{"seed":7,"percent":{"fail":10,"throttle":5,"hang":2.5,"reset_after_accept":1}}"#,
        )
        .unwrap();
        let thrown = throws(faults, 100_000);
        let n_of = |fault| thrown.iter().filter(|thrown| **thrown == fault).count();
        for (fault, expected) in [
            (Some(Fault::Fail), 10_000),
            (Some(Fault::Throttle), 5_000),
            (Some(Fault::Hang), 2_500),
            (Some(Fault::ResetAfterAccept), 1_000),
            (None, 81_500),
        ] {
            let n = n_of(fault);
            assert!(n.abs_diff(expected) < expected / 10, "{fault:?}: {n}");
        }
    }

    #[test]
    fn equal_seeds_throw_alike_and_nothing_happens_unless_asked_for() {
        let of =
            |seed: u64| faults(&format!(r#"{{"seed":{seed},"percent":{{"fail":50}}}}"#)).unwrap();
        assert_eq!(throws(of(1), 200), throws(of(1), 200));
        assert_ne!(throws(of(1), 200), throws(of(2), 200));
        assert!(throws(Faults::default(), 1_000).iter().all(Option::is_none));
    }

    #[test]
    fn shares_that_cannot_be_are_refused_by_name() {
        for (json, said) in [
            (r#"{"percent":{"fail":-1}}"#, "percent.fail is -1"),
            (r#"{"percent":{"hang":101}}"#, "percent.hang is 101"),
            (r#"{"percent":{"fail":60,"hang":50}}"#, "adds up to 110"),
            (r#"{"percent":{"explode":1}}"#, "unknown field `explode`"),
            (r#"{"chance":1}"#, "unknown field `chance`"),
        ] {
            let error = faults(json).unwrap_err();
            assert!(error.contains(said), "{json}: {error}");
        }
    }
}
