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
    let total: u64 = candidates.iter().map(|c| u64::from(c.weight)).sum();
    // Scaled rather than taken modulo the total, which would favour the first ones. In 128 bits:
    // several weights near the maximum exceed 64 once multiplied.
    let point = (u128::from(dice) * u128::from(total)) >> u32::BITS;
    let mut passed = 0_u128;
    candidates.iter().position(|candidate| {
        passed += u128::from(candidate.weight);
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
    fn the_highest_dice_still_chooses() {
        assert_eq!(choose(&candidates(&[1, 1, 1]), u32::MAX), Some(2));
    }
}
