//! Advisory locks: every number that is used, in one place.

/// Held while migrations run, so that several starting processes run them once.
pub(crate) const MIGRATE: i64 = 4_200;

/// Held while a day's partitions are made. Used inside the SQL function `ensure_day_partitions`.
#[cfg(test)]
const PARTITIONS: i64 = 4_201;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_unique() {
        assert_ne!(MIGRATE, PARTITIONS);
    }
}
