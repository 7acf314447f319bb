//! The circuit breaker of a provider, in each worker: one that fails is left alone for a while, then
//! one call at a time finds out whether it is back.

use std::time::Duration;

use crate::attempt::{Blame, Outcome};

/// What a call says of its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is there and lets us in, whatever it said of the message.
    Answered,
    /// It failed, or its answer was lost.
    Failed,
    /// It does not let us in.
    NotAdmitted,
}

impl Heard {
    /// What an outcome says.
    #[must_use]
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted { .. }
            | Outcome::Rejected { .. }
            | Outcome::Throttled { .. }
            | Outcome::Failed {
                blame: Blame::Message,
                ..
            } => Self::Answered,
            Outcome::Failed {
                blame: Blame::Provider,
                ..
            }
            | Outcome::Ambiguous { .. } => Self::Failed,
            Outcome::Failed {
                blame: Blame::Account,
                ..
            } => Self::NotAdmitted,
        }
    }
}

/// Why a breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It failed too often.
    Failures,
    /// It does not let us in.
    NotAdmitted,
}

impl Cause {
    /// The cause's name, in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::NotAdmitted => "not-admitted",
        }
    }
}

/// How a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As ever.
    Free,
    /// As the one that finds out: what it comes to must be told with [`Breaker::heard`], or that it
    /// was not made with [`Breaker::dropped`].
    Probe,
    /// Not now; worth asking again after this wait.
    Shut(Duration),
    /// Not while somebody finds out, which may take so long.
    Probed(Duration),
}

/// The breaker. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone)]
pub struct Breaker {
    opens_after: u32,
    in_a_row: u32,
    window: Window,
    open: Option<Open>,
    /// How often it opened without having been closed for long.
    n_openings: u32,
    closed_at: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    cause: Cause,
    until: Duration,
    /// Until when a probe is waited for.
    probed_until: Option<Duration>,
}

/// The calls of a while.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since: Duration,
    n_calls: u32,
    n_failed: u32,
}

/// For how long calls are counted together: half of them failing opens it, if there are twice as many
/// as would open it in a row.
const WINDOW: Duration = Duration::from_secs(30);

/// The pauses after it opened once, twice, … in close succession; the last is for all later ones.
pub const PAUSES: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    LONGEST_PAUSE,
];

/// The longest pause of one that fails.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause of one that does not let us in: it takes a person, and too many bad logins may lock the
/// account.
pub const NOT_ADMITTED_PAUSE: Duration = Duration::from_secs(60);

/// One that was closed for so long begins with the shortest pause.
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);

/// A probe of which nothing was heard for so long is made again. Longer than a call may take.
const PROBE_IS_LOST_AFTER: Duration = Duration::from_secs(60);

impl Breaker {
    /// A closed breaker that opens after so many failures in a row, or when half of twice as many
    /// calls and more fail within half a minute.
    #[must_use]
    pub const fn new(opens_after: u32) -> Self {
        Self {
            opens_after,
            in_a_row: 0,
            window: Window {
                since: Duration::ZERO,
                n_calls: 0,
                n_failed: 0,
            },
            open: None,
            n_openings: 0,
            closed_at: None,
        }
    }

    /// How a call could be made at `now`; reserves nothing.
    #[must_use]
    pub fn way(&self, now: Duration) -> Way {
        let Some(open) = self.open else {
            return Way::Free;
        };
        match open.probed_until {
            Some(until) if now < until => Way::Probed(until - now),
            _ if now < open.until => Way::Shut(open.until - now),
            _ => Way::Probe,
        }
    }

    /// Takes the way that there is at `now`: no second caller is given the probe.
    pub fn enter(&mut self, now: Duration) -> Way {
        let way = self.way(now);
        if let (Way::Probe, Some(open)) = (way, &mut self.open) {
            open.probed_until = Some(now + PROBE_IS_LOST_AFTER);
        }
        way
    }

    /// The probe was not made after all.
    pub const fn dropped(&mut self) {
        if let Some(open) = &mut self.open {
            open.probed_until = None;
        }
    }

    /// Takes in what a call came to at `now`. While it is open only the probe counts: the others were
    /// on their way before.
    pub fn heard(&mut self, heard: Heard, is_probe: bool, now: Duration) {
        if self.open.is_some() && !is_probe {
            return;
        }
        match heard {
            Heard::Answered => {
                self.in_a_row = 0;
                if self.open.take().is_some() {
                    self.closed_at = Some(now);
                    self.window = Window::default();
                }
                self.window.count(false, now);
            }
            Heard::Failed => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.window.count(true, now);
                let is_enough =
                    self.in_a_row >= self.opens_after || self.window.fails(self.opens_after);
                // A probe that fails opens it anew, for longer.
                if is_enough || self.open.is_some() {
                    self.open(Cause::Failures, now);
                }
            }
            Heard::NotAdmitted => self.open(Cause::NotAdmitted, now),
        }
    }

    fn open(&mut self, cause: Cause, now: Duration) {
        let is_forgiven =
            self.open.is_none() && self.closed_at.is_none_or(|at| now >= at + FORGIVEN_AFTER);
        self.n_openings = if is_forgiven { 0 } else { self.n_openings };
        let nth = usize::try_from(self.n_openings).unwrap_or(usize::MAX);
        self.n_openings = self.n_openings.saturating_add(1);
        let pause = match cause {
            Cause::Failures => PAUSES.get(nth).copied().unwrap_or(LONGEST_PAUSE),
            Cause::NotAdmitted => NOT_ADMITTED_PAUSE,
        };
        self.in_a_row = 0;
        self.window = Window::default();
        self.open = Some(Open {
            cause,
            until: now + pause,
            probed_until: None,
        });
    }

    /// Why it is open, if it is.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.open.map(|open| open.cause)
    }
}

impl Window {
    fn count(&mut self, is_failure: bool, now: Duration) {
        if now >= self.since + WINDOW {
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        self.n_calls = self.n_calls.saturating_add(1);
        self.n_failed = self.n_failed.saturating_add(u32::from(is_failure));
    }

    const fn fails(self, opens_after: u32) -> bool {
        self.n_calls >= opens_after.saturating_mul(2)
            && self.n_failed.saturating_mul(2) >= self.n_calls
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPENS_AFTER: u32 = 20;

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn breaker() -> Breaker {
        Breaker::new(OPENS_AFTER)
    }

    /// One that has just opened.
    fn opened(now: Duration) -> Breaker {
        let mut breaker = breaker();
        for _ in 0..OPENS_AFTER {
            assert_eq!(breaker.way(now), Way::Free);
            breaker.heard(Heard::Failed, false, now);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_each_probe_that_fails_lengthens_the_pause() {
        let mut now = at(5);
        let mut breaker = opened(now);
        for secs in [2, 4, 8, 15, 30, 30] {
            assert_eq!(breaker.way(now), Way::Shut(at(secs)));
            now += at(secs);
            assert_eq!(breaker.enter(now), Way::Probe);
            assert_eq!(breaker.enter(now), Way::Probed(at(60)), "one at a time");
            breaker.heard(Heard::Failed, true, now);
        }
        now += at(30);
        assert_eq!(breaker.enter(now), Way::Probe);
        breaker.heard(Heard::Answered, true, now);
        assert_eq!((breaker.enter(now), breaker.cause()), (Way::Free, None));
    }

    #[test]
    fn one_answer_in_between_keeps_it_closed() {
        let mut breaker = breaker();
        for _ in 0..2 {
            for _ in 0..OPENS_AFTER - 1 {
                breaker.heard(Heard::Failed, false, at(0));
            }
            breaker.heard(Heard::Answered, false, at(0));
            // Too few to be a share of anything.
            breaker.window = Window::default();
        }
        assert_eq!(breaker.way(at(0)), Way::Free);
    }

    #[test]
    fn half_of_many_calls_failing_open_it() {
        let mut breaker = breaker();
        let mut n_calls = 0;
        while breaker.cause().is_none() {
            breaker.heard(Heard::Answered, false, at(1));
            breaker.heard(Heard::Failed, false, at(1));
            n_calls += 2;
        }
        assert_eq!(n_calls, OPENS_AFTER * 2);
        // A third of them does not.
        let mut breaker = super::tests::breaker();
        for _ in 0..1_000 {
            breaker.heard(Heard::Answered, false, at(1));
            breaker.heard(Heard::Answered, false, at(1));
            breaker.heard(Heard::Failed, false, at(1));
        }
        assert_eq!(breaker.way(at(1)), Way::Free);
    }

    #[test]
    fn one_that_does_not_let_us_in_is_left_alone_at_once() {
        let mut breaker = breaker();
        breaker.heard(Heard::NotAdmitted, false, at(1));
        assert_eq!(breaker.cause(), Some(Cause::NotAdmitted));
        assert_eq!(breaker.way(at(1)), Way::Shut(NOT_ADMITTED_PAUSE));
        assert_eq!(breaker.enter(at(61)), Way::Probe);
    }

    #[test]
    fn calls_that_were_on_their_way_neither_close_it_nor_lengthen_the_pause() {
        let mut breaker = opened(at(0));
        for heard in [Heard::Answered, Heard::Failed, Heard::NotAdmitted] {
            breaker.heard(heard, false, at(1));
            assert_eq!(breaker.way(at(1)), Way::Shut(at(1)), "{heard:?}");
        }
    }

    #[test]
    fn a_probe_that_was_not_made_or_never_answers_is_made_by_another() {
        let mut breaker = opened(at(0));
        assert_eq!(breaker.enter(at(2)), Way::Probe);
        breaker.dropped();
        assert_eq!(breaker.enter(at(2)), Way::Probe);
        assert_eq!(breaker.enter(at(61)), Way::Probed(at(1)));
        assert_eq!(breaker.enter(at(62)), Way::Probe);
    }

    #[test]
    fn one_that_was_well_for_long_begins_with_the_shortest_pause() {
        let mut breaker = opened(at(0));
        breaker.enter(at(2));
        breaker.heard(Heard::Answered, true, at(2));
        let fails = |breaker: &mut Breaker, now| {
            for _ in 0..OPENS_AFTER {
                breaker.heard(Heard::Failed, false, now);
            }
            breaker.way(now)
        };
        assert_eq!(fails(&mut breaker.clone(), at(10)), Way::Shut(at(4)));
        assert_eq!(fails(&mut breaker, at(200)), Way::Shut(at(2)));
    }

    fn any_heard() -> impl Strategy<Value = Heard> {
        prop_oneof![
            Just(Heard::Answered),
            Just(Heard::Failed),
            Just(Heard::NotAdmitted)
        ]
    }

    proptest! {
        /// Whatever happens, it lets somebody through again within a minute, and never two at once
        /// while it is open.
        #[test]
        fn it_is_never_shut_for_long_and_probes_are_single(
            steps in proptest::collection::vec((any_heard(), 0u64..90, any::<bool>()), 1..80),
        ) {
            let (mut breaker, mut now, mut probing_since) = (breaker(), at(0), None);
            for (heard, later, answers) in steps {
                now += at(later);
                match breaker.enter(now) {
                    Way::Shut(wait) | Way::Probed(wait) => {
                        prop_assert!(wait <= NOT_ADMITTED_PAUSE && breaker.cause().is_some());
                        // Nobody who waits so long comes back too early.
                        prop_assert!(!matches!(breaker.way(now + wait), Way::Shut(_) | Way::Probed(_)));
                    }
                    Way::Probe => {
                        let is_alone =
                            probing_since.is_none_or(|since| now >= since + PROBE_IS_LOST_AFTER);
                        prop_assert!(is_alone);
                        probing_since = (!answers).then_some(now);
                        if answers {
                            breaker.heard(heard, true, now);
                            prop_assert_eq!(breaker.cause().is_none(), heard == Heard::Answered);
                        }
                    }
                    Way::Free => {
                        prop_assert!(breaker.cause().is_none());
                        breaker.heard(heard, false, now);
                    }
                }
                let later = now + NOT_ADMITTED_PAUSE.max(PROBE_IS_LOST_AFTER);
                prop_assert!(!matches!(breaker.way(later), Way::Shut(_) | Way::Probed(_)));
            }
        }
    }
}
