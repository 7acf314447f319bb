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
    /// Calls accepted in the current and the last second, to know what the provider takes.
    second: u64,
    n_now: u32,
    n_before: u32,
}

impl Pacer {
    pub fn new() -> Self {
        let born = Instant::now();
        let state = State {
            pace: Pace::unlimited(),
            next_start: born,
            second: 0,
            n_now: 0,
            n_before: 0,
        };
        Self {
            state: Mutex::new(state),
            born,
        }
    }

    /// Waits for this call's turn.
    pub async fn turn(&self) {
        let start = {
            let mut state = self.state.lock();
            let gap = state.pace.gap();
            if gap.is_zero() {
                return;
            }
            let start = state.next_start.max(Instant::now());
            state.next_start = start + gap;
            start
        };
        tokio::time::sleep_until(start).await;
    }

    /// The provider took a call.
    pub fn accepted(&self) {
        let second = self.born.elapsed().as_secs();
        let mut state = self.state.lock();
        state.roll(second);
        state.n_now += 1;
        state.pace.accepted();
    }

    /// The provider asked for fewer.
    pub fn refused(&self) {
        let now: Duration = self.born.elapsed();
        let mut state = self.state.lock();
        state.roll(now.as_secs());
        let rate = f64::from(state.n_before.max(state.n_now));
        state.pace.refused(now, rate);
    }
}

impl State {
    fn roll(&mut self, second: u64) {
        if second != self.second {
            self.n_before = if second == self.second + 1 {
                self.n_now
            } else {
                0
            };
            self.n_now = 0;
            self.second = second;
        }
    }
}
