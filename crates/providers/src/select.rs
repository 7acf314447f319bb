//! Which provider gets a message: a weighted choice, pure.

/// A provider that is active for the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its share relative to the others'; 0 gets nothing.
    pub weight: u32,
}

/// The index of the candidate that gets the message. `dice` is uniform over all of `u32`.
///
/// None when no candidate has any weight.
#[must_use]
pub fn choose(candidates: &[Candidate], dice: u32) -> Option<usize> {
    by_weight(candidates.iter().map(|candidate| candidate.weight), dice)
}

/// Like [`choose`], among those that are usable, and not the `avoided` one if there is another.
#[must_use]
pub fn choose_another(
    candidates: &[Candidate],
    avoided: Option<&str>,
    is_usable: impl Fn(usize) -> bool,
    dice: u32,
) -> Option<usize> {
    let weight = |n: usize, avoided: Option<&str>| {
        let candidate = &candidates[n];
        let counts = avoided != Some(&*candidate.name) && is_usable(n);
        if counts { candidate.weight } else { 0 }
    };
    let among = |avoided| by_weight((0..candidates.len()).map(|n| weight(n, avoided)), dice);
    among(avoided).or_else(|| among(None))
}

fn by_weight(weights: impl Iterator<Item = u32> + Clone, dice: u32) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    // Scaled rather than taken modulo the total, which would favour the first ones. In 128 bits:
    // several weights near the maximum exceed 64 once multiplied.
    let point = (u128::from(dice) * u128::from(total)) >> u32::BITS;
    let mut passed = 0_u128;
    weights.into_iter().position(|weight| {
        passed += u128::from(weight);
        point < passed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(weights: &[u32]) -> Vec<Candidate> {
        weights
            .iter()
            .map(|&weight| Candidate {
                name: format!("p{weight}"),
                weight,
            })
            .collect()
    }

    /// How often each is chosen when `rolls` dice are spread evenly.
    fn shares(weights: &[u32], rolls: u32) -> Vec<u32> {
        let candidates = candidates(weights);
        let mut shares = vec![0; weights.len()];
        for roll in 0..rolls {
            let dice = (u64::from(roll) << 32).div_ceil(u64::from(rolls));
            let dice = u32::try_from(dice).unwrap();
            shares[choose(&candidates, dice).unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn shares_follow_the_weights() {
        assert_eq!(shares(&[1, 3], 1_000), [250, 750]);
        assert_eq!(shares(&[50, 30, 20], 1_000), [500, 300, 200]);
        assert_eq!(shares(&[u32::MAX, u32::MAX], 1_000), [500, 500]);
    }

    #[test]
    fn weightless_candidates_are_never_chosen() {
        assert_eq!(shares(&[0, 7, 0], 1_000), [0, 1_000, 0]);
        for dice in [0, 1, u32::MAX] {
            assert_eq!(choose(&candidates(&[0, 0]), dice), None);
            assert_eq!(choose(&[], dice), None);
        }
    }

    #[test]
    fn another_one_is_chosen_where_there_is_one_that_is_usable() {
        let all = candidates(&[0, 20, 80]);
        for dice in [0, u32::MAX / 2, u32::MAX] {
            let choose = |avoided, usable: &[usize]| {
                choose_another(&all, avoided, |n| usable.contains(&n), dice)
            };
            assert_eq!(choose(Some("p80"), &[0, 1, 2]), Some(1));
            assert_eq!(choose(Some("p20"), &[0, 1, 2]), Some(2));
            assert_eq!(choose(None, &[0, 1]), Some(1));
            // It is the only one that is left.
            assert_eq!(choose(Some("p80"), &[0, 2]), Some(2));
            assert_eq!(choose(None, &[0]), None);
            assert_eq!(choose(Some("p80"), &[]), None);
        }
    }

    #[test]
    fn the_highest_dice_still_chooses() {
        assert_eq!(choose(&candidates(&[1, 1, 1]), u32::MAX), Some(2));
    }
}
