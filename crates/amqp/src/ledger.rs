//! Which deliveries of a channel are settled: acknowledgements are one for the settled prefix and
//! one for each that overtook it.

use std::collections::BTreeMap;

/// The open delivery tags of one channel, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Tag → settled.
    open: BTreeMap<u64, bool>,
    /// Whether anything was settled since the last [`Ledger::take`].
    changed: bool,
}

/// What to acknowledge.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Acks {
    /// Everything up to this tag.
    pub up_to: Option<u64>,
    /// These by themselves: an older one is still in hand and must not hold them.
    pub single: Vec<u64>,
}

impl Ledger {
    /// A delivery came.
    pub fn opened(&mut self, tag: u64) {
        self.open.insert(tag, false);
    }

    /// Its effect is committed.
    pub fn settled(&mut self, tag: u64) {
        if let Some(settled) = self.open.get_mut(&tag) {
            *settled = true;
            self.changed = true;
        }
    }

    /// What can be acknowledged now.
    pub fn take(&mut self) -> Acks {
        if !std::mem::take(&mut self.changed) {
            return Acks::default();
        }
        let mut acks = Acks::default();
        while let Some(entry) = self.open.first_entry() {
            if !*entry.get() {
                break;
            }
            acks.up_to = Some(entry.remove_entry().0);
        }
        self.open.retain(|tag, settled| {
            if *settled {
                acks.single.push(*tag);
            }
            !*settled
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
                single: vec![5]
            }
        );
        assert_eq!(ledger.take(), Acks::default());
        ledger.settled(4);
        assert_eq!(
            ledger.take(),
            Acks {
                up_to: Some(4),
                single: vec![]
            }
        );
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
