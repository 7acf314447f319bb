//! Lanes: how urgent a message is among its like.

text_enum! {
    /// The lane of a template, set by a platform administrator, kept from accept to send.
    pub enum Lane {
        /// One-time codes and alerts; never behind anything else.
        Priority = "priority",
        /// Everything that is not marked otherwise.
        Normal = "normal",
        /// Mailings; gives way to the others.
        Bulk = "bulk",
    }
}

/// Of the slots of a lane that gives way, one in so many stays while the others have work.
const KEPT_BY_BULK: usize = 4;

impl Lane {
    /// How many of its slots a lane uses. Bulk gives way while more urgent lanes have work, and is
    /// never at a stand.
    #[must_use]
    pub const fn share(self, n_slots: usize, others_have_work: bool) -> usize {
        match self {
            Self::Bulk if others_have_work && n_slots > 0 => n_slots.div_ceil(KEPT_BY_BULK),
            _ => n_slots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_gives_way_and_never_stands_still() {
        assert_eq!(Lane::Bulk.share(64, true), 16);
        assert_eq!(Lane::Bulk.share(64, false), 64);
        for n_slots in 1..10 {
            assert!((1..=n_slots).contains(&Lane::Bulk.share(n_slots, true)));
        }
        for lane in [Lane::Priority, Lane::Normal] {
            assert_eq!(lane.share(64, true), 64);
        }
    }
}
