//! How fast a job goes, and when it may be done.

use std::collections::VecDeque;
use std::time::Duration;

/// Long enough to be steady, short enough to notice a change.
const WINDOW: Duration = Duration::from_secs(15);

/// Counts with their times, as long as they matter.
#[derive(Default)]
pub(super) struct Pace(VecDeque<(Duration, u64)>);

impl Pace {
    /// Notes how many there are, so long after the beginning.
    pub fn note(&mut self, at: Duration, n: u64) {
        self.0.push_back((at, n));
        while self.0.len() > 2 && self.0.front().is_some_and(|(then, _)| *then + WINDOW < at) {
            self.0.pop_front();
        }
    }

    /// So many in a second, lately; `None` when nothing has moved.
    pub fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let elapsed = last.0.saturating_sub(first.0).as_secs_f64();
        let n = last.1.saturating_sub(first.1);
        (elapsed > 0.0 && n > 0).then(|| n as f64 / elapsed)
    }

    /// How long the rest takes at this pace.
    pub fn left(&self, total: u64) -> Option<Duration> {
        let rest = total.saturating_sub(self.0.back()?.1);
        Duration::try_from_secs_f64(rest as f64 / self.per_second()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn time_left_follows_from_the_pace() {
        let mut pace = Pace::default();
        pace.note(seconds(0), 100);
        assert_eq!(pace.left(1_000), None);
        pace.note(seconds(10), 600);
        assert_eq!(pace.per_second(), Some(50.0));
        assert_eq!(pace.left(1_000), Some(seconds(8)));
    }

    #[test]
    fn only_the_last_seconds_count() {
        let mut pace = Pace::default();
        for second in 0..100 {
            pace.note(seconds(second), if second < 50 { 0 } else { second * 10 });
        }
        assert_eq!(pace.per_second(), Some(10.0));
    }

    #[test]
    fn what_stands_still_has_no_time_left() {
        let mut pace = Pace::default();
        for second in 0..100 {
            pace.note(seconds(second), 5);
        }
        assert_eq!((pace.per_second(), pace.left(10)), (None, None));
    }
}
