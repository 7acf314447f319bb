//! Which deliveries of a channel are settled: acknowledgements are one for the settled prefix and
//! one for each that overtook it.

use std::collections::BTreeMap;

/// The open delivery tags of one channel, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<u64, State>,
    /// Whether anything changed since the last [`Ledger::take`].
    changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InHand,
    Settled,
    Dropped,
}

/// What to tell the broker.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Acks {
    /// Everything up to this tag is settled.
    pub up_to: Option<u64>,
    /// These are settled by themselves: an older one is still in hand and must not hold them.
    pub single: Vec<u64>,
    /// These were dropped unsettled and are to be delivered again.
    pub back: Vec<u64>,
}

impl Ledger {
    /// A delivery came.
    pub fn opened(&mut self, tag: u64) {
        self.open.insert(tag, State::InHand);
    }

    /// Its effect is committed.
    pub fn settled(&mut self, tag: u64) {
        self.turn(tag, State::Settled);
    }

    /// Nobody will settle it any more.
    pub fn dropped(&mut self, tag: u64) {
        self.turn(tag, State::Dropped);
    }

    fn turn(&mut self, tag: u64, to: State) {
        if let Some(state) = self.open.get_mut(&tag) {
            *state = to;
            self.changed = true;
        }
    }

    /// What the broker can be told now.
    pub fn take(&mut self) -> Acks {
        let mut acks = Acks::default();
        if !std::mem::take(&mut self.changed) {
            return acks;
        }
        // Dropped ones leave first: an acknowledgement of everything up to a tag covers only what
        // is still open at the broker, and they must not be.
        self.open.retain(|tag, state| {
            if *state == State::Dropped {
                acks.back.push(*tag);
            }
            *state != State::Dropped
        });
        while let Some(entry) = self.open.first_entry() {
            if *entry.get() != State::Settled {
                break;
            }
            acks.up_to = Some(entry.remove_entry().0);
        }
        self.open.retain(|tag, state| {
            if *state == State::Settled {
                acks.single.push(*tag);
            }
            *state != State::Settled
        });
        acks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settled_prefix_is_one_acknowledgement() {
        let mut ledger = Ledger::default();
        (1..=5).for_each(|tag| ledger.opened(tag));
        [2, 1, 3, 5].into_iter().for_each(|tag| ledger.settled(tag));
        assert_eq!(
            ledger.take(),
            Acks {
                up_to: Some(3),
                single: vec![5],
                back: vec![]
            }
        );
        assert_eq!(ledger.take(), Acks::default());
        ledger.settled(4);
        assert_eq!(
            ledger.take(),
            Acks {
                up_to: Some(4),
                single: vec![],
                back: vec![]
            }
        );
    }

    #[test]
    fn a_dropped_delivery_goes_back_and_is_never_covered_by_an_acknowledgement() {
        let mut ledger = Ledger::default();
        (1..=3).for_each(|tag| ledger.opened(tag));
        ledger.settled(1);
        ledger.dropped(2);
        ledger.settled(3);
        let acks = ledger.take();
        assert_eq!((acks.up_to, acks.back), (Some(3), vec![2]));
    }

    proptest::proptest! {
        #[test]
        fn nothing_unsettled_is_ever_acknowledged(
            order in proptest::sample::subsequence((1u64..40).collect::<Vec<_>>(), 0..39),
            take_every in 1usize..7,
        ) {
            let mut ledger = Ledger::default();
            (1..40).for_each(|tag| ledger.opened(tag));
            let mut settled = std::collections::BTreeSet::new();
            let mut acknowledged = std::collections::BTreeSet::new();
            for (i, tag) in order.iter().rev().enumerate() {
                ledger.settled(*tag);
                settled.insert(*tag);
                if i % take_every == 0 {
                    let acks = ledger.take();
                    acknowledged.extend(acks.single);
                    if let Some(up_to) = acks.up_to {
                        acknowledged.extend(1..=up_to);
                    }
                    proptest::prop_assert_eq!(&acknowledged, &settled);
                }
            }
        }
    }
}
