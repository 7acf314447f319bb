//! Which lane starts the next call when there are fewer turns than the lanes want.

use crate::lane::Lane;

/// Turns of one destination, shared out between lanes: the more urgent go first, and those that give
/// way are never at a stand.
#[derive(Debug, Clone, Default)]
pub struct TurnOrder {
    /// Turns that a lane is owed for those that more urgent ones took before it.
    owed: [f64; Lane::ALL.len()],
}

/// For so many turns of more urgent lanes one is owed to each lane that wants one as well.
const OWED_AFTER: f64 = 8.0;
/// The most that a lane is owed: it makes up for no more than a moment.
const MOST_OWED: f64 = 4.0;

impl TurnOrder {
    /// Whether a lane may take the next turn, while these lanes want one (its own included or not).
    /// A turn that is given counts as taken.
    pub fn take(&mut self, lane: Lane, wanting: impl Fn(Lane) -> bool) -> bool {
        let (more_urgent, rest) = Lane::ALL.split_at(at(lane));
        if more_urgent.iter().any(|other| wanting(*other)) {
            let owed = &mut self.owed[at(lane)];
            if *owed < 1.0 {
                return false;
            }
            *owed -= 1.0;
        }
        for other in rest.iter().skip(1).filter(|other| wanting(**other)) {
            let owed = &mut self.owed[at(*other)];
            *owed = (*owed + 1.0 / OWED_AFTER).min(MOST_OWED);
        }
        true
    }
}

/// Lanes are declared in the order of their urgency.
const fn at(lane: Lane) -> usize {
    lane as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives out turns one by one to lanes that always want more; how many each got.
    fn shared(n_turns: usize, wanting: &[Lane]) -> [usize; 3] {
        let (mut order, mut taken) = (TurnOrder::default(), [0; 3]);
        for _ in 0..n_turns {
            // The least urgent asks first, which must help it nothing.
            let lane = wanting
                .iter()
                .rev()
                .copied()
                .find(|lane| order.take(*lane, |other| wanting.contains(&other)))
                .unwrap();
            taken[at(lane)] += 1;
        }
        taken
    }

    #[test]
    fn the_urgent_go_first_and_nobody_stands_still() {
        let [priority, normal, bulk] = shared(1_000, Lane::ALL);
        assert!(priority > 750, "{priority}");
        assert!(normal > 90 && bulk > 90, "{normal} {bulk}");
        let [_, normal, bulk] = shared(900, &[Lane::Normal, Lane::Bulk]);
        assert_eq!((normal, bulk), (800, 100));
    }

    #[test]
    fn a_lane_alone_takes_every_turn() {
        for lane in Lane::ALL {
            assert_eq!(shared(100, &[*lane])[at(*lane)], 100);
        }
    }

    proptest! {
        #[test]
        fn some_lane_that_wants_a_turn_gets_it(
            asked in proptest::collection::vec((0_usize..3, any::<[bool; 3]>()), 1..200),
        ) {
            let mut order = TurnOrder::default();
            for (asks, mut wants) in asked {
                wants[asks] = true;
                let gets = Lane::ALL.iter().filter(|lane| wants[at(**lane)])
                    .any(|lane| order.clone().take(*lane, |other| wants[at(other)]));
                prop_assert!(gets);
                order.take(Lane::ALL[asks], |other| wants[at(other)]);
            }
        }
    }
}
