//! How long a receipt waits after a failed try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// The wait after the `n_tries`-th failed try: doubling, between half of it and all of it.
/// `dice` is uniform over all of `u16`.
pub(super) fn wait(n_tries: u32, dice: u16) -> Duration {
    let doublings = n_tries.saturating_sub(1).min(16);
    let whole = (FIRST * (1 << doublings)).min(LONGEST);
    let share = f64::from(dice) / f64::from(u16::MAX);
    whole.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ_by_half() {
        let waits = |dice| [1, 2, 3, 5, 6, 100].map(|n| wait(n, dice).as_millis());
        assert_eq!(waits(u16::MAX), [200, 400, 800, 3_200, 5_000, 5_000]);
        assert_eq!(waits(0), [100, 200, 400, 1_600, 2_500, 2_500]);
    }
}
