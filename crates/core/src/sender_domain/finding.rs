//! What was found out, in words and as the record that mends it.

use serde::Serialize;

use super::{Answer, Records, SenderDomain, Senders, dkim, dmarc, replies, spf};

text_enum! {
    /// What was checked.
    pub enum Check {
        /// Who may send for the domain.
        Spf = "spf",
        /// The keys that mail is signed with.
        Dkim = "dkim",
        /// What receivers do with mail that neither proves.
        Dmarc = "dmarc",
        /// Whether answers and bounces find their way.
        Replies = "replies",
    }
}

text_enum! {
    /// What came of a check.
    pub enum Verdict {
        /// Nothing has to be done.
        Ok = "ok",
        /// A record must be added.
        Missing = "missing",
        /// A record must be changed.
        Wrong = "wrong",
        /// It cannot be told: DNS did not answer, or what to ask about is not known.
        Unknown = "unknown",
    }
}

/// A DNS record to add, or to put in place of the one that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its name, without a dot at the end.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its value.
    pub value: String,
}

impl Record {
    /// A TXT record.
    pub(super) fn txt(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: "TXT",
            value: value.into(),
        }
    }
}

/// What one check found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// What came of it.
    pub verdict: Verdict,
    /// The name that was asked about.
    pub name: String,
    /// The records that were found there.
    pub found: Vec<String>,
    /// What that means, and what to do.
    pub says: String,
    /// The record that is needed, where it is known.
    pub add: Option<Record>,
}

impl Finding {
    pub(super) fn new(check: Check, verdict: Verdict, name: &str, says: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            name: name.to_owned(),
            found: Vec::new(),
            says: says.into(),
            add: None,
        }
    }

    /// DNS did not say.
    pub(super) fn unanswered(check: Check, name: &str, why: &str) -> Self {
        let says = format!("DNS gave no answer ({why}); ask again, or give another resolver");
        Self::new(check, Verdict::Unknown, name, says)
    }

    #[must_use]
    pub(super) fn found(mut self, records: &[impl AsRef<str>]) -> Self {
        self.found = records.iter().map(|r| r.as_ref().to_owned()).collect();
        self
    }

    #[must_use]
    pub(super) fn add(mut self, record: Record) -> Self {
        self.add = Some(record);
        self
    }
}

/// Everything that was found out about a domain. The same in `/api` and on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The domain.
    pub domain: SenderDomain,
    /// Whether nothing has to be done and nothing is unknown.
    pub fine: bool,
    /// Each check; DKIM has one for each key.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Judges what DNS said, for mail that these senders hand over.
    #[must_use]
    pub fn of(records: &Records, senders: &Senders) -> Self {
        let mut findings = vec![spf::judge(records, senders)];
        findings.extend(dkim::judge(records, senders));
        findings.push(dmarc::judge(records));
        findings.push(replies::judge(records));
        Self {
            domain: records.domain.clone(),
            fine: findings
                .iter()
                .all(|finding| finding.verdict == Verdict::Ok),
            findings,
        }
    }
}

/// The found records that begin as they must, in any case; or why that is unknown.
pub(super) fn beginning_with(
    answer: &Answer,
    begins: impl Fn(&str) -> bool,
) -> Result<Vec<&str>, &str> {
    if let Answer::Failed(why) = answer {
        return Err(why);
    }
    Ok(answer
        .found()
        .iter()
        .map(String::as_str)
        .filter(|record| begins(record))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Selected;
    use super::*;

    fn found(record: &str) -> Answer {
        Answer::Found(vec![record.to_owned()])
    }

    fn records() -> Records {
        let domain = SenderDomain::parse("example.org").unwrap();
        Records {
            txt: BTreeMap::from([("example.org".into(), found("v=spf1 ip4:192.0.2.1 -all"))]),
            dkim: vec![Selected {
                selector: "s1".into(),
                asked_for: true,
                txt: found(&format!("v=DKIM1; p={}", "A".repeat(392))),
            }],
            dmarc: vec![(
                "_dmarc.example.org".into(),
                found("v=DMARC1; p=reject; rua=mailto:d@example.org"),
            )],
            mx: found("10 mx.example.org"),
            addresses: Answer::None,
            domain,
        }
    }

    #[test]
    fn a_domain_is_fine_when_every_check_is() {
        let report = Report::of(&records(), &Senders::default());
        assert!(report.fine, "{report:#?}");
        let checks: Vec<_> = report.findings.iter().map(|f| f.check).collect();
        assert_eq!(checks, Check::ALL);
        let unanswered = Records {
            mx: Answer::Failed("timed out".into()),
            ..records()
        };
        assert!(!Report::of(&unanswered, &Senders::default()).fine);
    }

    #[test]
    fn a_report_is_written_with_the_records_to_add() {
        let bare = Records {
            dmarc: vec![("_dmarc.example.org".into(), Answer::None)],
            ..records()
        };
        let json = serde_json::to_value(Report::of(&bare, &Senders::default())).unwrap();
        assert_eq!(json["domain"], "example.org");
        assert_eq!(json["fine"], false);
        let dmarc = &json["findings"][2];
        assert_eq!(
            (&dmarc["check"], &dmarc["verdict"]),
            (&"dmarc".into(), &"missing".into())
        );
        assert_eq!(dmarc["add"]["type"], "TXT");
        assert_eq!(json["findings"][0]["add"], serde_json::Value::Null);
    }
}
