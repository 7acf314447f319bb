//! SPF (RFC 7208): which servers may send for the domain.

mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::finding::{Check, Finding, Record, Verdict, beginning_with};
use super::{Answer, Records, Senders};
use record::{Ending, Spf, is_spf};

/// The most DNS lookups that a record may cost a receiver; beyond, it counts as broken.
const MOST_LOOKUPS: u32 = 10;

/// The names that an SPF record among these TXT records leads to, whose TXT records are needed to
/// judge it.
#[must_use]
pub fn names_to_follow(txt: &Answer) -> Vec<String> {
    let records = txt.found().iter().filter(|record| is_spf(record));
    records
        .filter_map(|record| Spf::read(record).ok())
        .flat_map(|spf| spf.leads_to())
        .collect()
}

pub(super) fn judge(records: &Records, senders: &Senders) -> Finding {
    let name = records.domain.as_str();
    let finding = |verdict, says: String| Finding::new(Check::Spf, verdict, name, says);
    let answer = records.txt.get(name).unwrap_or(&Answer::None);
    let candidates = match beginning_with(answer, is_spf) {
        Ok(candidates) => candidates,
        Err(why) => return Finding::unanswered(Check::Spf, name, why),
    };
    let record = match candidates.as_slice() {
        [] if senders.only_ses() => {
            return finding(
                Verdict::Ok,
                "there is no record, and none is needed: mail leaves through SES, which proves \
                 itself by its own envelope address and by DKIM"
                    .to_owned(),
            );
        }
        [] => {
            let says = "nothing says which servers may send for the domain";
            return finding(Verdict::Missing, says.to_owned())
                .add(Record::txt(name, written(&senders.terms())));
        }
        [record] => *record,
        several => {
            let says = "there is more than one SPF record, so receivers follow none; merge them";
            return finding(Verdict::Wrong, says.to_owned()).found(several);
        }
    };
    match usable(name, record, &records.txt, senders) {
        Ok(says) => finding(Verdict::Ok, says).found(&[record]),
        Err(Fault::Unknown { name, why }) => {
            let why = format!("{name}: {why}");
            Finding::unanswered(Check::Spf, records.domain.as_str(), &why).found(&[record])
        }
        Err(Fault::Wrong { says, instead }) => {
            let mut wrong = finding(Verdict::Wrong, says).found(&[record]);
            wrong.add = instead.map(|value| Record::txt(name, value));
            wrong
        }
    }
}

fn written(terms: &[String]) -> String {
    format!("v=spf1 {} ~all", terms.join(" "))
}

/// Why a record is not usable.
enum Fault {
    /// What must be changed, and the record to put in place where it is known.
    Wrong {
        says: String,
        instead: Option<String>,
    },
    /// What it leads to could not be asked about.
    Unknown { name: String, why: String },
}

impl Fault {
    fn wrong(says: impl Into<String>) -> Self {
        Self::Wrong {
            says: says.into(),
            instead: None,
        }
    }
}

fn usable(
    name: &str,
    record: &str,
    txt: &BTreeMap<String, Answer>,
    senders: &Senders,
) -> Result<String, Fault> {
    let spf = Spf::read(record).map_err(Fault::wrong)?;
    let mut lookups = 0;
    let ending = follow(name, &spf, txt, &mut lookups)?;
    let instead = |ending: &str| Fault::Wrong {
        says: match &spf.ending {
            Ending::Pass => "+all lets anyone send for the domain; end it in ~all or -all",
            Ending::Neutral => "?all says nothing of other servers; end it in ~all or -all",
            _ => "it does not end in ~all or -all, so it says nothing of other servers",
        }
        .to_owned(),
        instead: Some(spf.ending_in(ending)),
    };
    let strictness = match ending {
        Ending::Fail => "refused",
        Ending::SoftFail => "suspected",
        Ending::Pass | Ending::Neutral | Ending::Nothing | Ending::Redirect(_) => {
            return Err(instead("~all"));
        }
    };
    let absent = senders
        .includes
        .iter()
        .find(|include| !spf.includes(include));
    if let Some(absent) = absent {
        return Err(Fault::Wrong {
            says: format!("it does not include {absent}"),
            instead: Some(spf.with_include(absent)),
        });
    }
    let mut says =
        format!("other servers are {strictness}; it costs {lookups} of {MOST_LOOKUPS} DNS lookups");
    if senders.only_ses() {
        says.push_str("; SES proves itself by its own envelope address, so it need not be named");
    } else if !senders.mail_servers.is_empty() {
        says.push_str("; see that it allows the address that your mail server sends from");
    }
    if spf.has_ptr {
        says.push_str("; ptr is slow and some receivers ignore it: name addresses instead");
    }
    Ok(says)
}

/// Counts the lookups of a record and all that it leads to, and finds how it ends.
fn follow(
    name: &str,
    spf: &Spf,
    txt: &BTreeMap<String, Answer>,
    lookups: &mut u32,
) -> Result<Ending, Fault> {
    *lookups += spf.lookups;
    if *lookups > MOST_LOOKUPS {
        return Err(Fault::wrong(format!(
            "it costs more than {MOST_LOOKUPS} DNS lookups ({name} is where they run out), so \
             receivers take it for broken; take out includes that send nothing for you"
        )));
    }
    for include in &spf.follows {
        let inner = spf_at(include, txt)?;
        follow(include, &inner, txt, lookups)?;
    }
    match &spf.ending {
        Ending::Redirect(target) if !target.contains('%') => {
            let inner = spf_at(target, txt)?;
            follow(target, &inner, txt, lookups)
        }
        // With a macro in it, it differs from message to message: given the benefit of the doubt.
        Ending::Redirect(_) => Ok(Ending::SoftFail),
        ending => Ok(ending.clone()),
    }
}

fn spf_at(name: &str, txt: &BTreeMap<String, Answer>) -> Result<Spf, Fault> {
    let unknown = |why: &str| Fault::Unknown {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    let answer = txt.get(name).ok_or_else(|| unknown("not asked about"))?;
    let candidates = beginning_with(answer, is_spf).map_err(unknown)?;
    match candidates.as_slice() {
        [record] => Spf::read(record).map_err(|fault| Fault::wrong(format!("{name}: {fault}"))),
        several => Err(Fault::wrong(format!(
            "it leads to {name}, which has {} SPF records instead of one: receivers take the whole \
             for broken",
            several.len()
        ))),
    }
}
