//! How many receipts may be in flight: all, or a single probe at a time while the API is away.
//!
//! Each receipt backs off by itself; that alone would still be tens of thousands of vain calls a
//! second when as many are waiting, on the cores the API needs to come back.

use std::time::Duration;

use tokio::time::Instant;

/// In flight while the API answers.
const WINDOW: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Opens and closes by what became of earlier calls.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Rounds of failure since the last success.
    n_rounds: u32,
    opens_at: Option<Instant>,
}

impl Gate {
    /// How many may be in flight once it is open.
    pub(super) const fn window(&self) -> usize {
        if self.n_rounds == 0 { WINDOW } else { 1 }
    }

    /// Nothing starts before this.
    pub(super) const fn opens_at(&self) -> Option<Instant> {
        self.opens_at
    }

    /// A call succeeded.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call that started at `started` failed at `now`. Calls that were in flight together
    /// usually fail together: they are one round.
    pub(super) fn failed(&mut self, started: Instant, now: Instant) {
        if self.opens_at.is_some_and(|opens_at| started < opens_at) {
            return;
        }
        let pause = (FIRST_PAUSE * (1 << self.n_rounds.min(8))).min(LONGEST_PAUSE);
        self.n_rounds += 1;
        self.opens_at = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn calls_in_flight_together_are_one_round() {
        let (mut gate, start) = (Gate::default(), Instant::now());
        for _ in 0..64 {
            gate.failed(start, start + millis(1));
        }
        assert_eq!(gate.opens_at(), Some(start + millis(26)));
        assert_eq!(gate.window(), 1);
    }

    #[test]
    fn pauses_double_up_to_a_second_and_end_with_a_success() {
        let (mut gate, mut now, mut pauses) = (Gate::default(), Instant::now(), Vec::new());
        for _ in 0..8 {
            gate.failed(now, now);
            let opens_at = gate.opens_at().unwrap();
            pauses.push((opens_at - now).as_millis());
            now = opens_at;
        }
        assert_eq!(pauses, [25, 50, 100, 200, 400, 800, 1_000, 1_000]);
        gate.succeeded();
        assert_eq!((gate.window(), gate.opens_at()), (WINDOW, None));
    }
}
