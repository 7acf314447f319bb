//! Numbering plans: which country a number belongs to and whether it handed the number out.
//!
//! The data is the `phonenumber` crate's, its parser is not used: with a default region it applies
//! that region's trunk prefix to foreign numbers and drops the country code from Italian mobiles.
//! A match also tries the likely kinds first, as each pattern costs the crate a compilation.

use std::sync::LazyLock;

use phonenumber::metadata::{DATABASE, Database, Descriptor, Metadata};

/// Patterns kept compiled, at about 90 kB each. The crate's 100 are fewer than a list of numbers
/// from all over the world needs, which then costs milliseconds a number.
const COMPILED_PATTERNS: usize = 512;

static PLANS: LazyLock<&'static Database> = LazyLock::new(|| {
    // A poisoned cache only stays small.
    if let Ok(mut cache) = DATABASE.cache().lock() {
        cache.set_capacity(COMPILED_PATTERNS);
    }
    &DATABASE
});

/// The plan of the countries that share a calling code.
pub(super) struct Plan {
    pub(super) code: u16,
    /// The country that the code is first of all for comes first.
    regions: Vec<&'static Metadata>,
}

/// A number that is handed out.
pub(super) struct Assigned {
    /// ISO 3166 alpha-2; none for numbers that belong to no country.
    pub(super) country: Option<&'static str>,
    pub(super) is_mobile: bool,
}

impl Plan {
    /// The plan of a region, if there is such a region.
    pub(super) fn of_region(region: &str) -> Option<Self> {
        PLANS
            .by_id(region)
            .and_then(|metadata| Self::of_code(metadata.country_code()))
    }

    /// Takes the calling code off an international number. No code begins another.
    pub(super) fn split(international: &str) -> Option<(Self, &str)> {
        (1..=3).find_map(|n| {
            let (code, national) = international.split_at_checked(n)?;
            // No code begins with a zero, which parsing would lose.
            let code = code.parse().ok().filter(|_| !code.starts_with('0'))?;
            Some((Self::of_code(code)?, national))
        })
    }

    fn of_code(code: u16) -> Option<Self> {
        let regions = PLANS.by_code(&code).filter(|regions| !regions.is_empty())?;
        Some(Self { code, regions })
    }

    /// Takes off what is dialled before a number within the country, such as the zero in the UK.
    pub(super) fn strip_trunk<'n>(&self, dialled: &'n str) -> Option<&'n str> {
        dialled.strip_prefix(self.regions.first()?.national_prefix()?)
    }

    /// Looks a national number up.
    pub(super) fn find(&self, national: &str) -> Option<Assigned> {
        self.regions.iter().find_map(|region| {
            let begins = region
                .leading_digits()
                .and_then(|digits| digits.find(national));
            if region.leading_digits().is_some() && begins.is_none_or(|begin| begin.start() > 0) {
                return None;
            }
            let kinds = region.descriptors();
            let has = |kind: Option<&Descriptor>| kind.is_some_and(|kind| kind.is_match(national));
            if !kinds.general().is_match(national) {
                return None;
            }
            let is_mobile = has(kinds.mobile());
            let is_assigned = is_mobile || others(region).any(has);
            // "001" stands for the world: satellite telephones, freephone numbers.
            let country = Some(region.id()).filter(|id| *id != "001");
            is_assigned.then_some(Assigned { country, is_mobile })
        })
    }

    /// How many digits the shortest and the longest national number have.
    pub(super) fn lengths(&self) -> (usize, usize) {
        let lengths = self.regions.iter().flat_map(|region| {
            let kinds = others(region).chain([region.descriptors().mobile()]);
            kinds.flatten().flat_map(Descriptor::possible_length)
        });
        lengths.fold((usize::MAX, 0), |(shortest, longest), length| {
            let length = usize::from(*length);
            (shortest.min(length), longest.max(length))
        })
    }
}

/// Every kind of number but mobile ones, likely ones first.
fn others(region: &'static Metadata) -> impl Iterator<Item = Option<&'static Descriptor>> {
    let kinds = region.descriptors();
    [
        kinds.fixed_line(),
        kinds.voip(),
        kinds.personal_number(),
        kinds.pager(),
        kinds.uan(),
        kinds.toll_free(),
        kinds.shared_cost(),
        kinds.premium_rate(),
        kinds.voicemail(),
    ]
    .into_iter()
}
