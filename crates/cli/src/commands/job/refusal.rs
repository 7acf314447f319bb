//! A refused file, so that a person can mend it.

/// The API's messages with each row on a line of its own.
pub(super) fn lines(messages: &[String]) -> Vec<String> {
    messages
        .iter()
        .flat_map(|message| sentences(message))
        .collect()
}

/// Parts a message before each `Row N`.
fn sentences(message: &str) -> Vec<String> {
    const ROW: &str = " Row ";
    let is_row = |at: usize| {
        let number = message[at + ROW.len()..].chars().next();
        message[..at].ends_with('.') && number.is_some_and(|c| c.is_ascii_digit())
    };
    let starts = message.match_indices(ROW).map(|(at, _)| at);
    let mut bounds: Vec<usize> = starts.filter(|at| is_row(*at)).collect();
    bounds.insert(0, 0);
    bounds.push(message.len());
    let parts = bounds.windows(2).map(|pair| &message[pair[0]..pair[1]]);
    parts.map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_row_has_a_line() {
        let message = "Some rows have errors. Row 1 - `name`: Missing. Row 12: Text message is too \
             long. And 3 more.";
        assert_eq!(
            lines(&[message.to_owned()]),
            [
                "Some rows have errors.",
                "Row 1 - `name`: Missing.",
                "Row 12: Text message is too long. And 3 more.",
            ]
        );
    }

    #[test]
    fn other_messages_stay_whole() {
        let other = ["The file is empty.", "Missing column headers: a Row 1."];
        assert_eq!(lines(&other.map(str::to_owned)), other);
    }
}
