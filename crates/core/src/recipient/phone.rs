//! Phone numbers: any notation in, E.164 out.
//!
//! Numbering plans are in [`plan`]; the texts of refusals are GOV.UK
//! Notify's (spec/clients.md §1), because clients show them to people.

mod plan;

use std::fmt;

use self::plan::Plan;
use super::is_invisible;

/// Calling code of the United Kingdom, which Jersey, Guernsey and Man share.
const UK: u16 = 44;
/// How the mobile numbers begin that Ofcom set aside for drama. Nobody owns them, so the plan
/// lacks them; documentation, tests and the simulator use them (design/contract.md, HTTP).
const RESERVED: &str = "7700900";
/// Digits of a UK mobile number without its leading zero.
const UK_MOBILE_DIGITS: usize = 10;
/// Most digits of any number: 15 by E.164, two more for a prefix that is dropped later.
const MAX_DIGITS: usize = 17;

/// A number that a text message can be sent to, in E.164.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    e164: String,
    country: Option<&'static str>,
}

/// Why a number was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Shorter than any number of its country.
    #[error("Not enough digits")]
    TooShort,
    /// Longer than any number of its country.
    #[error("Too many digits")]
    TooLong,
    /// Something that is neither a digit nor a customary way to set digits apart.
    #[error("Must not contain letters or symbols")]
    Symbols,
    /// No country has this calling code.
    #[error("Not a valid country prefix")]
    CountryPrefix,
    /// The right length, but in no range that its country has handed out.
    #[error("Not a valid phone number")]
    Unassigned,
    /// A real UK number of another kind: a landline, a pager, a freephone number.
    #[error("Not a UK mobile number")]
    NotMobile,
}

impl PhoneError {
    /// Whether the text could not be a phone number at all, which Notify reports with the schema
    /// errors (`ValidationError`); otherwise it is a number to which texts are not sent
    /// (`InvalidPhoneError`).
    #[must_use]
    pub const fn is_format(&self) -> bool {
        !matches!(self, Self::NotMobile)
    }
}

/// The most bytes in which a number may be written.
const LONGEST_NOTATION: usize = 100;

impl PhoneNumber {
    /// Reads a number as someone in `region` (ISO 3166 alpha-2, such as `GB`) would dial it.
    ///
    /// Numbers of other countries start with `+` or `00`. In an unknown region only those are
    /// understood.
    ///
    /// # Errors
    /// If the text is no phone number or a UK number that takes no texts; see [`PhoneError`].
    pub fn parse(raw: &str, region: &str) -> Result<Self, PhoneError> {
        // What is given is stored as it is, separators included.
        if raw.len() > LONGEST_NOTATION {
            return Err(PhoneError::TooLong);
        }
        let dialled = dialled(raw)?;
        let (plan, readings) = readings(&dialled, region).ok_or(PhoneError::CountryPrefix)?;
        let number = |national: &str, country| Self {
            e164: format!("+{}{national}", plan.code),
            country,
        };
        for national in &readings {
            if plan.code == UK && is_reserved(national) {
                return Ok(number(national, Some("GB")));
            }
            if let Some(assigned) = plan.find(national) {
                // Other countries' landlines take texts, or their numbers do not tell.
                if plan.code == UK && !assigned.is_mobile {
                    return Err(PhoneError::NotMobile);
                }
                return Ok(number(national, assigned.country));
            }
        }
        Err(why_unassigned(
            &plan,
            readings.last().copied().unwrap_or_default(),
        ))
    }

    /// `+447700900123`: stored, compared and handed to providers.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.e164
    }

    /// `447700900123`: as callers of the API read it back in `from_number`.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.e164.trim_start_matches('+')
    }

    /// ISO 3166 code of the country, where the number tells.
    #[must_use]
    pub const fn country(&self) -> Option<&'static str> {
        self.country
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// The digits, after a `+` if the number is international; what only sets them apart is dropped.
fn dialled(raw: &str) -> Result<String, PhoneError> {
    let mut digits = String::with_capacity(MAX_DIGITS);
    for c in raw.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '+' | '＋' if digits.is_empty() => digits.push('+'),
            '-' | '.' | '/' | '(' | ')' | '[' | ']' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {}
            c if c.is_whitespace() || is_invisible(c) => {}
            _ => return Err(PhoneError::Symbols),
        }
    }
    if let Some(international) = digits.strip_prefix("00") {
        digits = format!("+{international}");
    }
    match digits.trim_start_matches('+').len() {
        0 => Err(PhoneError::TooShort),
        n if n > MAX_DIGITS => Err(PhoneError::TooLong),
        _ => Ok(digits),
    }
}

/// The national numbers that what was dialled can mean, the most literal one first, with the plan
/// they belong to.
fn readings<'n>(dialled: &'n str, region: &str) -> Option<(Plan, Vec<&'n str>)> {
    if let Some(international) = dialled.strip_prefix('+') {
        let (plan, national) = Plan::split(international)?;
        // The zero of `+44 (0)7700 …`.
        let readings = [Some(national), plan.strip_trunk(national)];
        return Some((plan, readings.into_iter().flatten().collect()));
    }
    let plan = Plan::of_region(region)?;
    // `44 7700 …`, a number in E.164 that lost its plus, as spreadsheets do.
    let after_code = dialled.strip_prefix(&plan.code.to_string());
    let readings = [
        Some(dialled),
        plan.strip_trunk(dialled),
        after_code,
        after_code.and_then(|national| plan.strip_trunk(national)),
    ];
    Some((plan, readings.into_iter().flatten().collect()))
}

fn is_reserved(national: &str) -> bool {
    national.len() == UK_MOBILE_DIGITS && national.starts_with(RESERVED)
}

/// What to tell the person about a number that its country has not handed out.
fn why_unassigned(plan: &Plan, national: &str) -> PhoneError {
    let (mut shortest, longest) = plan.lengths();
    // Some UK landlines have nine digits, no mobile has: a digit of it was left out.
    if plan.code == UK && national.starts_with('7') {
        shortest = UK_MOBILE_DIGITS;
    }
    match national.len() {
        n if n < shortest => PhoneError::TooShort,
        n if n > longest => PhoneError::TooLong,
        // Landlines by their first digit, of which some are for drama as well.
        _ if plan.code == UK && national.starts_with(['1', '2', '3']) => PhoneError::NotMobile,
        _ => PhoneError::Unassigned,
    }
}

#[cfg(test)]
mod tests;
