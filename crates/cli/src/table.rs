//! Aligned columns.

use std::iter;

/// A column's title, and the side that its cells are aligned to.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Left(&'static str),
    /// For numbers and times.
    Right(&'static str),
}

/// Renders a table; nothing is wrapped, so that each row is one line for grep.
pub(crate) fn table<const N: usize>(columns: [Column; N], rows: &[[String; N]]) -> String {
    let title = columns.map(|column| match column {
        Column::Left(title) | Column::Right(title) => title.to_owned(),
    });
    let rows: Vec<[String; N]> = iter::once(title)
        .chain(
            rows.iter()
                .map(|row| row.each_ref().map(|cell| shown(cell))),
        )
        .collect();
    let widths: [usize; N] = std::array::from_fn(|n| {
        rows.iter()
            .map(|row| row[n].chars().count())
            .max()
            .unwrap_or_default()
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).zip(columns);
        let cells = cells.map(|((cell, width), column)| match column {
            Column::Left(_) => format!("{cell:<width$}"),
            Column::Right(_) => format!("{cell:>width$}"),
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A cell without control characters: names are anybody's text, and a terminal obeys some of it.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// A cell that may be empty.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["ünï\u{1b}".to_owned(), "100".to_owned()],
        ];
        insta::assert_snapshot!(table([Column::Left("NAME"), Column::Right("N")], &rows), @r"
        NAME    N
        a       1
        ünï�  100
        ");
    }
}
