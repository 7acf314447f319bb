//! Medians, and figures as people read them.

use serde_json::Value;

/// The middle one; the mean of the two in the middle where there is no such one; 0 of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Which of them is the median, or the lower of the two in the middle.
pub(crate) fn index_of_median(values: &[f64]) -> usize {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0)
}

/// Three digits that count, or all before the point: more would be noise.
pub(crate) fn rounded(value: f64) -> Value {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        3
    };
    let factor = 10f64.powi(digits);
    Value::from((value * factor).round() / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
        assert_eq!(index_of_median(&[30.0, 10.0, 20.0]), 2);
        assert_eq!(index_of_median(&[30.0, 10.0]), 1);
    }

    #[test]
    fn figures_keep_what_counts() {
        assert_eq!(rounded(12_345.67), Value::from(12_346.0));
        assert_eq!(rounded(12.345), Value::from(12.3));
        assert_eq!(rounded(1.2345), Value::from(1.23));
        assert_eq!(rounded(0.123_45), Value::from(0.123));
    }
}
