//! Keeps the pace of one provider over all lanes of this process: below what the provider's
//! refusals ask for, and within what is left of a rate that all workers share.

use std::time::Duration;

use carillon_core::allowance::Allowance;
use carillon_core::pace::Pace;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Spaces the starts of calls.
pub(crate) struct Pacer {
    state: Mutex<State>,
    born: Instant,
}

struct State {
    pace: Pace,
    /// Where the provider has a rate.
    allowance: Option<Allowance>,
    /// When the last call starts that has a turn; a moment ago at the earliest.
    last_start: Option<Instant>,
}

/// Turns that passed within this time because nothing was claimed soon enough are made up for.
const MADE_UP_FOR: Duration = Duration::from_millis(50);

impl Pacer {
    pub fn new() -> Self {
        let born = Instant::now();
        let state = State {
            pace: Pace::unlimited(),
            allowance: None,
            last_start: None,
        };
        Self {
            state: Mutex::new(state),
            born,
        }
    }

    /// What all workers together may call in a second; none is no limit.
    pub fn limit(&self, per_second: Option<f64>) {
        let mut state = self.state.lock();
        match (per_second, &mut state.allowance) {
            (None, allowance) => *allowance = None,
            (Some(rate), Some(allowance)) => {
                // The same number comes again and again.
                if (allowance.per_second() - rate).abs() > f64::EPSILON {
                    allowance.change(rate);
                }
            }
            (Some(rate), none) => *none = Some(Allowance::new(rate)),
        }
    }

    /// When this call may start. A turn later than `latest` is not taken: the error says how long
    /// it would be.
    pub fn turn(&self, latest: Instant) -> Result<Instant, Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let due = self.due(&state, now);
        let mut start = due.max(now);
        if let Some(allowance) = &state.allowance {
            start = start.max(now + allowance.wait());
        }
        if start > latest {
            return Err(start - now);
        }
        if let Some(allowance) = &mut state.allowance {
            allowance.take();
        }
        state.pace.started(now - self.born);
        state.last_start = Some(due);
        Ok(start)
    }

    /// How many calls could start within this time, while so many wait to: `usize::MAX` where there
    /// is no limit.
    pub fn turns_within(&self, time: Duration, n_waiting: usize) -> usize {
        let now = Instant::now();
        let mut state = self.state.lock();
        let gap = self.gap(&state, now);
        let of_pace = if gap.is_zero() {
            usize::MAX
        } else {
            let left = (now + time).checked_duration_since(self.due(&state, now));
            left.map_or(0, |left| {
                // Not negative, and such times hold few gaps, so it fits.
                (left.as_secs_f64() / gap.as_secs_f64()) as usize + 1
            })
        };
        match &mut state.allowance {
            None => of_pace,
            Some(allowance) => {
                allowance.wanted(n_waiting, time);
                of_pace.min(allowance.turns(now - self.born))
            }
        }
    }

    /// Works with the allowance of a provider that has a rate.
    pub fn with_allowance<T>(&self, work: impl FnOnce(&mut Allowance, Duration) -> T) -> Option<T> {
        let now = self.born.elapsed();
        let mut state = self.state.lock();
        state
            .allowance
            .as_mut()
            .map(|allowance| work(allowance, now))
    }

    /// The provider asked for fewer.
    pub fn refused(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.pace.refused(now - self.born);
        // What was to be made up for was too much.
        state.last_start = state.last_start.max(Some(now));
    }

    /// The gap after the last start.
    fn gap(&self, state: &State, now: Instant) -> Duration {
        let of_pace = state.pace.gap(now - self.born);
        let last_start = state.last_start.unwrap_or(self.born) - self.born;
        let of_allowance = state.allowance.as_ref().map(|a| a.gap(last_start));
        of_pace.max(of_allowance.unwrap_or_default())
    }

    /// When the next call should start; it may have passed.
    fn due(&self, state: &State, now: Instant) -> Instant {
        let Some(last_start) = state.last_start else {
            return now;
        };
        let earliest = now.checked_sub(MADE_UP_FOR).unwrap_or(now);
        (last_start + self.gap(state, now)).max(earliest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn turns_are_spaced_after_a_refusal_and_never_taken_too_late() {
        let pacer = Pacer::new();
        let now = Instant::now();
        let latest = now + SECOND;
        assert_eq!(pacer.turn(latest), Ok(now));
        assert_eq!(pacer.turns_within(SECOND, 1), usize::MAX);
        pacer.refused();
        let turns: Vec<_> = (0..2_000).map(|_| pacer.turn(latest)).collect();
        assert!(turns[1].unwrap() > turns[0].unwrap());
        // What does not fit is refused, and reserves nothing.
        let n_taken = turns.iter().filter(|turn| turn.is_ok()).count();
        assert!((400..=600).contains(&n_taken), "{n_taken}");
        assert_eq!(turns[1_998], turns[1_999]);
        assert_eq!(pacer.turns_within(Duration::ZERO, 1), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_little_that_was_missed_is_made_up_for() {
        let pacer = Pacer::new();
        let latest = Instant::now() + SECOND * 60;
        pacer.turn(latest).unwrap();
        pacer.refused();
        let gap = pacer.turn(latest).and(pacer.turn(latest)).unwrap() - Instant::now();
        for (missed, at_once) in [(MADE_UP_FOR / 2, 12), (SECOND, 25)] {
            tokio::time::advance(missed + gap).await;
            let n_now = pacer.turns_within(Duration::ZERO, 1);
            assert!((at_once - 2..=at_once + 4).contains(&n_now), "{n_now}");
            let now = Instant::now();
            let n_taken = (0..1_000)
                .take_while(|_| pacer.turn(latest).unwrap() == now)
                .count();
            assert!(n_taken.abs_diff(n_now) <= 1, "{n_taken} of {n_now}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_a_rate_calls_wait_for_what_is_granted() {
        let pacer = Pacer::new();
        pacer.limit(Some(100.0));
        let latest = Instant::now() + SECOND / 2;
        assert_eq!(pacer.turns_within(SECOND, 7), 0);
        assert_eq!(pacer.with_allowance(Allowance::ask), Some(7));
        pacer.with_allowance(|allowance, now| allowance.granted(7, now));
        assert_eq!(pacer.turns_within(SECOND, 0), 7);
        let n_taken = (0..100).filter(|_| pacer.turn(latest).is_ok()).count();
        // Seven are there, the rest is promised of what comes soon.
        assert!((8..60).contains(&n_taken), "{n_taken}");
        pacer.limit(None);
        assert_eq!(pacer.turns_within(SECOND, 1), usize::MAX);
    }
}
