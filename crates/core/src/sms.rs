//! Text messages: what the air interface can carry and how many parts it takes
//! (spec/dataflow.md §6 rule 6; alphabet and lengths are those of 3GPP TS 23.038 and 23.040).

mod normalise;

pub use normalise::SmsText;

/// Most characters of a message body: six full GSM-7 parts (design/contract.md).
pub const MAX_CHARACTERS: usize = 918;

/// How the characters of a message are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Seven bits a character; ten further characters take two places.
    Gsm7,
    /// UTF-16: as soon as one character is outside GSM-7.
    Ucs2,
}

/// What a message takes up, which is what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The encoding the whole message needs.
    pub encoding: Encoding,
    /// Septets in GSM-7, UTF-16 code units in UCS-2.
    pub units: usize,
    /// Messages the network sends; never less than one.
    pub parts: u32,
}

impl Encoding {
    /// The encoding `text` needs.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.chars().all(|c| septets(c).is_some()) {
            Self::Gsm7
        } else {
            Self::Ucs2
        }
    }

    /// Units in a message that stands alone.
    const fn single(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units in each part of a longer one: six octets go to the header that joins them.
    const fn joined(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm7 => septets(c).unwrap_or(1),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// Measures a text as it will be sent, so pass it through [`SmsText::normalise`] first.
///
/// A character of two units (an escaped one in GSM-7, an emoji in UCS-2) is not torn between two
/// parts, so a message may need a part more than its units suggest.
#[must_use]
pub fn parts(text: &str) -> Parts {
    let encoding = Encoding::of(text);
    let units = text.chars().map(|c| encoding.units(c)).sum();
    let mut parts = 1;
    if units > encoding.single() {
        let mut used = 0;
        for c in text.chars() {
            used += encoding.units(c);
            if used > encoding.joined() {
                parts += 1;
                used = encoding.units(c);
            }
        }
    }
    Parts {
        encoding,
        units,
        parts,
    }
}

/// Places a character takes in GSM-7, or `None` if it is not in the alphabet.
const fn septets(c: char) -> Option<usize> {
    match c {
        'a'..='z'
        | 'A'..='Z'
        | '0'..='9'
        | '\n'
        | '\r'
        | ' '
        | '!'
        | '"'
        | '#'
        | '$'
        | '%'
        | '&'
        | '\''
        | '('
        | ')'
        | '*'
        | '+'
        | ','
        | '-'
        | '.'
        | '/'
        | ':'
        | ';'
        | '<'
        | '='
        | '>'
        | '?'
        | '@'
        | '_'
        | '¡'
        | '£'
        | '¤'
        | '¥'
        | '§'
        | '¿'
        | 'Ä'
        | 'Å'
        | 'Æ'
        | 'Ç'
        | 'É'
        | 'Ñ'
        | 'Ö'
        | 'Ø'
        | 'Ü'
        | 'ß'
        | 'à'
        | 'ä'
        | 'å'
        | 'æ'
        | 'è'
        | 'é'
        | 'ì'
        | 'ñ'
        | 'ò'
        | 'ö'
        | 'ø'
        | 'ù'
        | 'ü'
        | 'Γ'
        | 'Δ'
        | 'Θ'
        | 'Λ'
        | 'Ξ'
        | 'Π'
        | 'Σ'
        | 'Φ'
        | 'Ψ'
        | 'Ω' => Some(1),
        '\u{0C}' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
