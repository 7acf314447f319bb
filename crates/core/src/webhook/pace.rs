//! The pace of an endpoint: how long its calls take, and how many may be on their way because of it.

/// What its calls take, kept in PostgreSQL and moved there by one statement: this is what the
/// statement must do, and a test of the store compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds; at least 1.
    pub call_ms: u32,
}

impl Pace {
    /// What is assumed of an endpoint that has not been called yet: its window is small until its
    /// answers prove it fast.
    pub const UNKNOWN: Self = Self { call_ms: 100 };
    /// Below this endpoints differ in nothing that matters, so no row is written for it.
    pub const FASTEST_MS: u32 = 4;
    /// From here on an endpoint is slow: it goes another way than the others, so as not to stand in
    /// theirs.
    pub const SLOW_MS: u32 = 1_000;
    /// The most that may be on their way to one endpoint.
    pub const WIDEST: u32 = 1_000;
    /// From a change in PostgreSQL to its call, and from the answer to the room that it makes: what
    /// is on its way covers this time too, or a fast endpoint would be idle meanwhile.
    pub const ROUND_MS: u32 = 200;

    /// Takes in the mean time of a batch of calls. More than twice of what was known is believed at
    /// once, less than half of it by half, and what lies between costs no write.
    #[must_use]
    pub const fn on(self, heard_ms: u32) -> Self {
        let heard_ms = if heard_ms < Self::FASTEST_MS {
            Self::FASTEST_MS
        } else {
            heard_ms
        };
        let call_ms = if heard_ms > 2 * self.call_ms {
            heard_ms
        } else if self.call_ms > 2 * heard_ms {
            u32::midpoint(self.call_ms, heard_ms)
        } else {
            self.call_ms
        };
        Self { call_ms }
    }

    /// How many of its events may be on their way, for so many calls at a time: twice as many for
    /// what is called now and next, and what it can take during a round beside that.
    #[must_use]
    pub const fn window(self, slots: u32) -> u32 {
        let window = slots
            .saturating_mul(2)
            .saturating_add(slots.saturating_mul(Self::ROUND_MS) / self.call_ms);
        if window < Self::WIDEST {
            window
        } else {
            Self::WIDEST
        }
    }

    /// Whether it is slow.
    #[must_use]
    pub const fn is_slow(self) -> bool {
        self.call_ms >= Self::SLOW_MS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fast_endpoint_has_hundreds_on_their_way_and_a_slow_one_a_few_times_its_slots() {
        for (call_ms, window) in [(1, 1_000), (4, 832), (100, 64), (1_000, 35), (4_500, 32)] {
            assert_eq!(Pace { call_ms }.window(16), window, "{call_ms} ms");
        }
    }

    #[test]
    fn one_batch_makes_it_slow_and_a_few_make_it_fast() {
        for known in [Pace { call_ms: 4 }, Pace::UNKNOWN] {
            assert!(known.on(Pace::SLOW_MS).is_slow(), "{known:?}");
        }
        let mut pace = Pace::UNKNOWN;
        for _ in 0..6 {
            pace = pace.on(1);
        }
        assert!(pace.window(16) > 400, "{pace:?}");
    }

    #[test]
    fn an_even_pace_moves_nothing() {
        for heard_ms in [50, 99, 200] {
            assert_eq!(Pace::UNKNOWN.on(heard_ms), Pace::UNKNOWN);
        }
        assert_ne!(Pace::UNKNOWN.on(49), Pace::UNKNOWN);
        assert_ne!(Pace::UNKNOWN.on(201), Pace::UNKNOWN);
    }

    proptest! {
        #[test]
        fn it_comes_to_what_is_heard(call_ms in 1u32..10_000, heard_ms in 4u32..10_000) {
            let mut pace = Pace { call_ms };
            for _ in 0..32 {
                pace = pace.on(heard_ms);
            }
            prop_assert_eq!(pace.on(heard_ms), pace);
            prop_assert!(pace.call_ms <= 2 * heard_ms && heard_ms <= 2 * pace.call_ms);
        }
    }
}
