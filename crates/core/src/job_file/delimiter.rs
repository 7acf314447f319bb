//! What stands between the cells of a CSV file.

/// Finds the delimiter in the first line that has anything else in it: the comma, unless that line
/// has none but has a semicolon or else a tab, as spreadsheets of some countries write. What is
/// between quotes does not count.
#[derive(Default)]
pub(super) struct Finder {
    /// What was looked at.
    seen: String,
    is_quoted: bool,
    has_content: bool,
    has_comma: bool,
    has_semicolon: bool,
    has_tab: bool,
}

/// A header longer than that is looked at no further.
const LONGEST_HEADER: usize = super::MAX_CELL_BYTES;

impl Finder {
    /// Looks at the next piece of the file; the delimiter as soon as it is certain.
    pub(super) fn push(&mut self, text: &str) -> Option<u8> {
        self.seen.push_str(text);
        for c in text.chars() {
            match c {
                '"' => self.is_quoted = !self.is_quoted,
                _ if self.is_quoted => self.has_content = true,
                '\r' | '\n' if self.has_content => return Some(self.delimiter()),
                '\r' | '\n' => {
                    (self.has_comma, self.has_semicolon, self.has_tab) = (false, false, false);
                }
                ',' => self.has_comma = true,
                ';' => self.has_semicolon = true,
                '\t' => self.has_tab = true,
                _ => self.has_content |= !c.is_whitespace(),
            }
        }
        (self.seen.len() > LONGEST_HEADER).then(|| self.delimiter())
    }

    /// The delimiter if nothing else follows.
    pub(super) fn delimiter(&self) -> u8 {
        match (self.has_comma, self.has_semicolon, self.has_tab) {
            (false, true, _) => b';',
            (false, false, true) => b'\t',
            _ => b',',
        }
    }

    /// Everything pushed so far, which is now to be read.
    pub(super) fn into_seen(self) -> String {
        self.seen
    }

    /// The line, from 1, that the text so far ends in.
    pub(super) fn line(&self) -> u64 {
        let line_ends = self.seen.replace("\r\n", "\n");
        line_ends.matches(['\r', '\n']).fold(1, |line, _| line + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> u8 {
        let mut finder = Finder::default();
        finder.push(text).unwrap_or_else(|| finder.delimiter())
    }

    #[test]
    fn a_comma_goes_before_anything_else() {
        assert_eq!(found("a;b,c\td\n"), b',');
        assert_eq!(found("name\nx;y"), b',');
        assert_eq!(found(""), b',');
    }

    #[test]
    fn a_semicolon_or_tab_counts_where_there_is_no_comma_outside_of_quotes() {
        assert_eq!(found("a;b\nx,y\n"), b';');
        assert_eq!(found("\"a,b\";c"), b';');
        assert_eq!(found("a\tb\n"), b'\t');
    }

    #[test]
    fn blank_lines_are_not_the_first_line() {
        assert_eq!(found(",,,\r\n\r\n ; \r\na\tb\r\n"), b'\t');
    }
}
