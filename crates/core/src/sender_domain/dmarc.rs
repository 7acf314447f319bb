//! DMARC (RFC 7489): what receivers do with mail that neither SPF nor DKIM proves.

use super::finding::{Check, Finding, Record, Verdict, beginning_with};
use super::{Records, tag, tags};

const POLICIES: [&str; 3] = ["none", "quarantine", "reject"];

pub(super) fn judge(records: &Records) -> Finding {
    let own = format!("_dmarc.{}", records.domain);
    for (name, answer) in &records.dmarc {
        let candidates = match beginning_with(answer, is_dmarc) {
            Ok(candidates) => candidates,
            // A policy further up would not count if there is one here.
            Err(why) => return Finding::unanswered(Check::Dmarc, name, why),
        };
        match candidates.as_slice() {
            [] => {}
            [record] => return one(records, name, record, *name == own),
            several => {
                let says =
                    "there is more than one DMARC record, so receivers follow none; keep one";
                return Finding::new(Check::Dmarc, Verdict::Wrong, name, says).found(several);
            }
        }
    }
    let found: Vec<&String> = records.dmarc.iter().flat_map(|(_, a)| a.found()).collect();
    let says = if found.is_empty() {
        "receivers are told nothing about forged mail, and large ones refuse bulk mail without a \
         policy; begin with p=none, read the reports, then raise it"
    } else {
        "what is there is no DMARC record, which begins with v=DMARC1"
    };
    let verdict = if found.is_empty() {
        Verdict::Missing
    } else {
        Verdict::Wrong
    };
    Finding::new(Check::Dmarc, verdict, &own, says)
        .found(&found)
        .add(first_policy(records))
}

/// `v` must come first and be spelt so.
fn is_dmarc(record: &str) -> bool {
    let rest = record.trim_start().strip_prefix('v').map(str::trim_start);
    let rest = rest
        .and_then(|rest| rest.strip_prefix('='))
        .map(str::trim_start);
    rest.and_then(|rest| rest.strip_prefix("DMARC1"))
        .is_some_and(|rest| rest.trim_start().is_empty() || rest.trim_start().starts_with(';'))
}

fn first_policy(records: &Records) -> Record {
    let domain = &records.domain;
    Record::txt(
        format!("_dmarc.{domain}"),
        format!("v=DMARC1; p=none; rua=mailto:dmarc-reports@{domain}"),
    )
}

fn one(records: &Records, name: &str, record: &str, is_own: bool) -> Finding {
    let finding =
        |verdict, says: String| Finding::new(Check::Dmarc, verdict, name, says).found(&[record]);
    let tags = match read(record) {
        Ok(tags) => tags,
        Err(fault) => {
            let replaced = if is_own {
                Some(first_policy(records))
            } else {
                None
            };
            let mut wrong = finding(Verdict::Wrong, fault);
            wrong.add = replaced;
            return wrong;
        }
    };
    // The policy for subdomains of where the record is, if it has one.
    let policy = tag(&tags, "sp")
        .filter(|_| !is_own)
        .or_else(|| tag(&tags, "p"))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let mut says = match policy.as_str() {
        "none" => "receivers report forged mail but deliver it; once the reports show no mail of \
                   your own that fails, raise the policy to quarantine, then reject"
            .to_owned(),
        policy => format!("receivers {policy} mail that neither SPF nor DKIM proves"),
    };
    if !is_own {
        says.push_str("; the policy is that of the domain above");
    }
    if tag(&tags, "rua").is_none() {
        says.push_str("; without rua= nobody reads reports, so add rua=mailto:… of a mailbox");
    }
    finding(Verdict::Ok, says)
}

/// The tags, if all that matter are as they must be.
fn read(record: &str) -> Result<Vec<(String, &str)>, String> {
    let tags = tags(record).map_err(|part| format!("{part:?} is no tag of the form name=value"))?;
    if tag(&tags, "p").is_none() {
        return Err("it has no policy: p=none, p=quarantine or p=reject".to_owned());
    }
    for (name, value) in &tags {
        let lower = value.to_ascii_lowercase();
        let fault = match name.as_str() {
            "p" | "sp" | "np" if !POLICIES.contains(&lower.as_str()) => {
                "must be none, quarantine or reject"
            }
            "adkim" | "aspf" if !["r", "s"].contains(&lower.as_str()) => "must be r or s",
            "pct" if !lower.parse().is_ok_and(|n: u8| n <= 100) => "must be a number from 0 to 100",
            "rua" | "ruf" if !value.split(',').all(is_mailbox) => {
                "must be mailto: addresses with commas between them"
            }
            _ => continue,
        };
        return Err(format!("{name}= {fault}, not {value:?}"));
    }
    Ok(tags)
}

fn is_mailbox(uri: &str) -> bool {
    let uri = uri.trim();
    uri.get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
        && uri.contains('@')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Answer, SenderDomain};
    use super::*;

    fn judged(domain: &str, answers: &[Answer]) -> Finding {
        let domain = SenderDomain::parse(domain).unwrap();
        judge(&Records {
            dmarc: domain
                .dmarc_names()
                .into_iter()
                .zip(answers.iter().cloned())
                .collect(),
            domain,
            txt: BTreeMap::new(),
            dkim: Vec::new(),
            mx: Answer::None,
            addresses: Answer::None,
        })
    }

    fn found(records: &[&str]) -> Answer {
        Answer::Found(records.iter().map(|&r| r.to_owned()).collect())
    }

    #[test]
    fn one_record_is_judged_by_its_tags() {
        use Verdict::{Missing, Ok, Wrong};
        for (records, verdict, word) in [
            (
                &["v=DMARC1; p=reject; rua=mailto:d@example.org"][..],
                Ok,
                "reject",
            ),
            (
                &["v=DMARC1;p=quarantine;rua=mailto:a@b.org, mailto:c@d.org!10m"],
                Ok,
                "quarantine",
            ),
            (
                &["v=DMARC1; p=none; rua=mailto:d@example.org"],
                Ok,
                "raise the policy",
            ),
            (&["v=DMARC1; p=reject"], Ok, "rua="),
            (
                &["v=DMARC1; p=reject; unknown=1; rua=mailto:d@example.org"],
                Ok,
                "reject",
            ),
            (&["v=DMARC1"], Wrong, "no policy"),
            (&["v=DMARC1; p=block"], Wrong, "p= must be"),
            (&["v=DMARC1; p=none; pct=101"], Wrong, "pct="),
            (&["v=DMARC1; p=none; aspf=strict"], Wrong, "aspf="),
            (&["v=DMARC1; p=none; rua=d@example.org"], Wrong, "rua="),
            (&["v=DMARC1; p=none; quatsch"], Wrong, "quatsch"),
            (
                &["v=DMARC1; p=none", "v=DMARC1; p=reject"],
                Wrong,
                "more than one",
            ),
            (&["v=spf1 -all"], Wrong, "no DMARC record"),
            (&["p=none; v=DMARC1"], Wrong, "no DMARC record"),
            (&["v=DMARC10; p=none"], Wrong, "no DMARC record"),
            (&[], Missing, "told nothing"),
        ] {
            let answer = if records.is_empty() {
                Answer::None
            } else {
                found(records)
            };
            let finding = judged("example.org", &[answer]);
            assert_eq!(finding.verdict, verdict, "{records:?} {}", finding.says);
            assert!(finding.says.contains(word), "{records:?} {}", finding.says);
        }
        let add = judged("example.org", &[Answer::None]).add.unwrap();
        assert_eq!(add.name, "_dmarc.example.org");
        assert!(is_dmarc(&add.value) && read(&add.value).is_ok());
    }

    #[test]
    fn a_subdomain_follows_the_domain_above_and_its_policy_for_subdomains() {
        let above = found(&["v=DMARC1; p=reject; sp=none; rua=mailto:d@example.org"]);
        let finding = judged("mail.example.org", &[Answer::None, above.clone()]);
        assert_eq!(
            (finding.verdict, finding.name.as_str()),
            (Verdict::Ok, "_dmarc.example.org")
        );
        assert!(finding.says.contains("raise the policy") && finding.says.contains("above"));
        let nearer = found(&["v=DMARC1; p=quarantine; rua=mailto:d@example.org"]);
        let finding = judged("mail.example.org", &[nearer, above.clone()]);
        assert_eq!(finding.name, "_dmarc.mail.example.org");
        let failed = judged("mail.example.org", &[Answer::Failed("late".into()), above]);
        assert_eq!(failed.verdict, Verdict::Unknown);
    }
}
