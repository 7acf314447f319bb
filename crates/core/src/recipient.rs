//! To whom a message goes: an address is read once, at the edge, and trusted from there on.
//!
//! Both kinds keep personal data, so neither prints it with `{:?}`; ask for the text by name.

mod email;
mod phone;

pub use email::{EmailAddress, EmailError};
pub use phone::{PhoneError, PhoneNumber};

/// Characters that show nothing and come along when an address is copied from a web page, a
/// contacts application or a spreadsheet. They are never part of what the person meant.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    ) || is_joiner(c)
}

/// Zero-width joiners are invisible too, yet they carry meaning inside host names of some scripts.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}
