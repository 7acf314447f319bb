//! Keeps the pace of one provider over all lanes of this process.

use std::time::Duration;

use carillon_core::pace::Pace;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Spaces the starts of calls as the provider's refusals ask for.
pub(crate) struct Pacer {
    state: Mutex<State>,
    born: Instant,
}

struct State {
    pace: Pace,
    next_start: Instant,
}

impl Pacer {
    pub fn new() -> Self {
        let born = Instant::now();
        let state = State {
            pace: Pace::unlimited(),
            next_start: born,
        };
        Self {
            state: Mutex::new(state),
            born,
        }
    }

    /// When this call may start. A turn later than `latest` is not taken: the error says how long
    /// it would be.
    pub fn turn(&self, latest: Instant) -> Result<Instant, Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let gap = state.pace.gap(now - self.born);
        if gap.is_zero() {
            return Ok(now);
        }
        let start = state.next_start.max(now);
        if start > latest {
            return Err(start - now);
        }
        state.next_start = start + gap;
        Ok(start)
    }

    /// The provider asked for fewer.
    pub fn refused(&self) {
        let now = self.born.elapsed();
        self.state.lock().pace.refused(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_spaced_after_a_refusal_and_never_taken_too_late() {
        let pacer = Pacer::new();
        let now = Instant::now();
        let latest = now + Duration::from_secs(1);
        assert_eq!(pacer.turn(latest), Ok(now));
        pacer.refused();
        let turns: Vec<_> = (0..2_000).map(|_| pacer.turn(latest)).collect();
        assert!(turns[1].unwrap() > turns[0].unwrap());
        // What does not fit is refused, and reserves nothing.
        let n_taken = turns.iter().filter(|turn| turn.is_ok()).count();
        assert!((400..=600).contains(&n_taken), "{n_taken}");
        assert_eq!(turns[1_998], turns[1_999]);
    }
}
