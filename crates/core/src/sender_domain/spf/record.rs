//! One SPF record, read term by term.

/// How a record ends: what it says of servers that no term names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// `-all`
    Fail,
    /// `~all`
    SoftFail,
    /// `?all`
    Neutral,
    /// `+all` or `all`
    Pass,
    /// What the record at this name says.
    Redirect(String),
    /// No end, which is like `?all`.
    Nothing,
}

/// A record that obeys the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spf {
    terms: Vec<String>,
    /// The names of its includes that can be looked up: those without macros.
    pub follows: Vec<String>,
    /// The DNS lookups that its own terms cost.
    pub lookups: u32,
    /// How it ends.
    pub ending: Ending,
    /// Whether it has the discouraged `ptr`.
    pub has_ptr: bool,
}

/// Whether a TXT record is one of SPF: others share the name.
pub(super) fn is_spf(record: &str) -> bool {
    record
        .get(..6)
        .is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"))
        && record
            .get(6..)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

impl Spf {
    /// Reads a record that [`is_spf`].
    ///
    /// # Errors
    /// Names the term that no receiver understands: the whole record then counts as broken.
    pub fn read(record: &str) -> Result<Self, String> {
        let mut spf = Self {
            terms: record
                .split(' ')
                .skip(1)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect(),
            follows: Vec::new(),
            lookups: 0,
            ending: Ending::Nothing,
            has_ptr: false,
        };
        let mut redirect = None;
        for term in spf.terms.clone() {
            match modifier(&term) {
                Some(("redirect", target)) => {
                    if redirect.replace(name(target)).is_some() {
                        return Err("redirect= is there twice".to_owned());
                    }
                }
                Some(_) => {}
                None => spf.mechanism(&term)?,
            }
        }
        if spf.ending == Ending::Nothing
            && let Some(target) = redirect
        {
            spf.lookups += 1;
            spf.ending = Ending::Redirect(target);
        }
        Ok(spf)
    }

    fn mechanism(&mut self, term: &str) -> Result<(), String> {
        // What stands after `all` is never reached, but must still be understood.
        let reached = self.ending == Ending::Nothing;
        let (qualifier, rest) = match term.chars().next() {
            Some(sign @ ('+' | '-' | '~' | '?')) => (sign, &term[1..]),
            _ => ('+', term),
        };
        let (mechanism, argument) = match rest.find([':', '/']) {
            Some(at) => (&rest[..at], rest[at..].trim_start_matches(':')),
            None => (rest, ""),
        };
        let needs_argument = || match argument {
            "" => Err(format!("{term:?} lacks what it is about")),
            _ => Ok(()),
        };
        let costs = match mechanism.to_ascii_lowercase().as_str() {
            "all" => {
                if reached {
                    self.ending = match qualifier {
                        '-' => Ending::Fail,
                        '~' => Ending::SoftFail,
                        '?' => Ending::Neutral,
                        _ => Ending::Pass,
                    };
                }
                0
            }
            "include" => {
                needs_argument()?;
                if reached && !argument.contains('%') {
                    self.follows.push(name(argument));
                }
                1
            }
            "exists" => {
                needs_argument()?;
                1
            }
            "a" | "mx" => 1,
            "ptr" => {
                self.has_ptr = true;
                1
            }
            "ip4" | "ip6" => {
                needs_argument()?;
                is_network(argument)
                    .then_some(0)
                    .ok_or_else(|| format!("{term:?} is no address or network"))?
            }
            _ => {
                return Err(format!(
                    "{term:?} is no term of SPF, so receivers take all for broken"
                ));
            }
        };
        if reached {
            self.lookups += costs;
        }
        Ok(())
    }

    /// Every name whose record matters to this one.
    pub fn leads_to(&self) -> Vec<String> {
        let mut names = self.follows.clone();
        if let Ending::Redirect(target) = &self.ending
            && !target.contains('%')
        {
            names.push(target.clone());
        }
        names
    }

    /// Whether it names an include.
    pub fn includes(&self, include: &str) -> bool {
        self.follows.iter().any(|follows| *follows == name(include))
    }

    /// The record with another end.
    pub fn ending_in(&self, end: &str) -> String {
        let kept = self
            .terms
            .iter()
            .filter(|term| !is_end(term))
            .map(String::as_str);
        ["v=spf1"]
            .into_iter()
            .chain(kept)
            .chain([end])
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The record with one include more, where it is reached.
    pub fn with_include(&self, include: &str) -> String {
        let mut terms: Vec<String> = self.terms.clone();
        let before = terms
            .iter()
            .position(|term| is_end(term))
            .unwrap_or(terms.len());
        terms.insert(before, format!("include:{include}"));
        format!("v=spf1 {}", terms.join(" "))
    }
}

fn is_end(term: &str) -> bool {
    let bare = term.trim_start_matches(['+', '-', '~', '?']);
    bare.eq_ignore_ascii_case("all") || matches!(modifier(term), Some(("redirect", _)))
}

/// `name=value`, whose name has no sign and no colon in it. Names other than ours pass as they are.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = !name.is_empty()
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_name {
        return None;
    }
    let name = if name.eq_ignore_ascii_case("redirect") {
        "redirect"
    } else {
        name
    };
    Some((name, value))
}

/// A name as it is compared: in lower case, without a dot at the end.
fn name(text: &str) -> String {
    text.trim_end_matches('.').to_ascii_lowercase()
}

fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').unwrap_or((text, "0"));
    address.parse::<std::net::IpAddr>().is_ok_and(|address| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        bits.parse().is_ok_and(|bits: u8| bits <= most)
    })
}
