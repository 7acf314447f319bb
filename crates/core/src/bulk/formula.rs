//! Cells that a spreadsheet would take for a formula, and could be made to run.

/// An apostrophe in front tells a spreadsheet that a cell is text.
const SHIELD: char = '\'';

/// The cell so that no spreadsheet calculates it. [`restored`] is the way back.
pub(super) fn harmless(cell: &str) -> String {
    if is_risky(cell) {
        format!("{SHIELD}{cell}")
    } else {
        cell.to_owned()
    }
}

/// The cell that [`harmless`] was given.
pub(super) fn restored(cell: &str) -> &str {
    cell.strip_prefix(SHIELD)
        .filter(|_| is_risky(cell))
        .unwrap_or(cell)
}

/// Whether it is, but for apostrophes in front, what spreadsheets take for the start of a formula,
/// spaces before it being ignored by some. Apostrophes do not count, so that a cell which has one
/// of its own gets a second and keeps the first.
fn is_risky(cell: &str) -> bool {
    let bare = cell.trim_start_matches(SHIELD);
    let is_start = |c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    bare.starts_with(['\t', '\r', '\n']) || bare.trim_start().starts_with(is_start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_shielded_and_everything_else_is_left_alone() {
        for cell in [
            "=1+1", "+44", "-1", "@sum", "\tx", "\rx", " =1", "＝1", "'=1",
        ] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "Ada", "a=b", "'tis", "1-1", " x"] {
            assert_eq!(harmless(cell), cell);
        }
    }

    #[test]
    fn an_apostrophe_that_was_there_stays() {
        assert_eq!(restored("'tis"), "'tis");
        assert_eq!(restored("'=1"), "=1");
    }

    proptest! {
        #[test]
        fn a_harmless_cell_starts_no_formula_and_leads_back(cell in "['=+@\t\r a-]{0,5}\\PC*") {
            let shielded = harmless(&cell);
            prop_assert!(!shielded.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(restored(&shielded), cell);
        }
    }
}
