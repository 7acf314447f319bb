//! DKIM (RFC 6376): the keys that receivers check signatures with.

use super::finding::{Check, Finding, Record, Verdict};
use super::{Answer, Records, Selected, Senders, tag, tags};

/// The fewest characters of base64 that hold an RSA key of 1024 bits with its header: shorter keys
/// are not believed (RFC 8301).
const SHORTEST_RSA: usize = 200;

/// One finding for each selector that was asked for and each common one with a usable key; one in
/// all if there is none.
pub(super) fn judge(records: &Records, senders: &Senders) -> Vec<Finding> {
    let findings: Vec<Finding> = records
        .dkim
        .iter()
        .filter_map(|selected| {
            let finding = of(records, selected);
            // What is under a common selector may be an old key or no key at all.
            (selected.asked_for || finding.verdict == Verdict::Ok).then_some(finding)
        })
        .collect();
    if findings.is_empty() {
        return vec![nothing_found(records, senders)];
    }
    findings
}

fn nothing_found(records: &Records, senders: &Senders) -> Finding {
    let name = format!("_domainkey.{}", records.domain);
    let unanswered = records
        .dkim
        .iter()
        .find_map(|selected| match &selected.txt {
            Answer::Failed(why) => Some(why),
            Answer::Found(_) | Answer::None => None,
        });
    if let Some(why) = unanswered {
        return Finding::unanswered(Check::Dkim, &name, why);
    }
    let where_to_look = if senders.ses {
        "SES shows three under the identity's DKIM, or with `aws sesv2 get-email-identity \
         --email-identity DOMAIN` as DkimAttributes.Tokens: check each with --selector TOKEN"
    } else {
        "whoever signs the mail knows it: check it with --selector"
    };
    let says = format!(
        "no key under the selectors that are common, and DNS cannot list others; {where_to_look}"
    );
    Finding::new(Check::Dkim, Verdict::Unknown, &name, says)
}

fn of(records: &Records, selected: &Selected) -> Finding {
    let name = records.domain.dkim_name(&selected.selector);
    let finding = |verdict, says: &str| Finding::new(Check::Dkim, verdict, &name, says);
    let record = match &selected.txt {
        Answer::Failed(why) => return Finding::unanswered(Check::Dkim, &name, why),
        Answer::None => {
            let missing = finding(
                Verdict::Missing,
                "there is no key under this selector, so signatures with it are not believed; add \
                 the record that the signer names",
            );
            return match easy_dkim(&name, &selected.selector) {
                Some(record) => missing.add(record),
                None => missing,
            };
        }
        Answer::Found(records) => match records.as_slice() {
            [record] => record,
            several => {
                let says = "there is more than one record, and receivers may take any; keep one";
                return finding(Verdict::Wrong, says).found(several);
            }
        },
    };
    match key(record) {
        Ok(says) => finding(Verdict::Ok, says).found(&[record]),
        Err(fault) => finding(Verdict::Wrong, &fault).found(&[record]),
    }
}

/// The record of SES Easy DKIM, whose selectors are tokens of 32 letters and digits.
fn easy_dkim(name: &str, selector: &str) -> Option<Record> {
    let is_token = selector.len() == 32 && selector.bytes().all(|b| b.is_ascii_alphanumeric());
    is_token.then(|| Record {
        name: name.to_owned(),
        kind: "CNAME",
        value: format!("{selector}.dkim.amazonses.com"),
    })
}

/// What a usable key means, or what makes it unusable.
fn key(record: &str) -> Result<&'static str, String> {
    let tags = tags(record).map_err(|part| format!("{part:?} is no tag of the form name=value"))?;
    if let Some(version) = tag(&tags, "v").filter(|v| *v != "DKIM1") {
        return Err(format!("v= must be DKIM1, not {version:?}"));
    }
    let kind = tag(&tags, "k").unwrap_or("rsa").to_ascii_lowercase();
    if !["rsa", "ed25519"].contains(&kind.as_str()) {
        return Err(format!("k= must be rsa or ed25519, not {kind:?}"));
    }
    if let Some(services) = tag(&tags, "s")
        && !services
            .split(':')
            .any(|s| matches!(s.trim(), "*" | "email"))
    {
        return Err(format!("s={services} does not allow the key for e-mail"));
    }
    let Some(public) = tag(&tags, "p") else {
        return Err("it holds no key: p= is missing".to_owned());
    };
    let public: String = public.chars().filter(|c| !c.is_whitespace()).collect();
    if public.is_empty() {
        return Err("the key was revoked (p= is empty): sign with another selector".to_owned());
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    if !public.chars().all(is_base64) {
        return Err("p= is not base64; perhaps it was cut or quoted twice".to_owned());
    }
    if kind == "rsa" && public.len() < SHORTEST_RSA {
        return Err("the RSA key is shorter than 1024 bits, or was cut: use 2048 bits".to_owned());
    }
    let is_test = tag(&tags, "t").is_some_and(|flags| flags.split(':').any(|f| f.trim() == "y"));
    Ok(if is_test {
        "the key is usable, but says that it is a test (t=y): take that out when all works"
    } else {
        "the key is usable"
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::SenderDomain;
    use super::*;

    fn judged(dkim: Vec<Selected>, senders: &Senders) -> Vec<Finding> {
        let records = Records {
            domain: SenderDomain::parse("example.org").unwrap(),
            txt: BTreeMap::new(),
            dkim,
            dmarc: Vec::new(),
            mx: Answer::None,
            addresses: Answer::None,
        };
        judge(&records, senders)
    }

    fn selected(selector: &str, asked_for: bool, txt: Answer) -> Selected {
        Selected {
            selector: selector.into(),
            asked_for,
            txt,
        }
    }

    #[test]
    fn a_key_is_judged_by_its_tags() {
        let rsa = "A".repeat(392);
        for (record, fault) in [
            (format!("v=DKIM1; k=rsa; p={rsa}"), None),
            (format!("p={rsa}"), None),
            (format!("v=DKIM1; p={} {}", &rsa[..200], &rsa[200..]), None),
            (
                "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".into(),
                None,
            ),
            (format!("v=DKIM1; s=email; t=y; p={rsa}"), None),
            ("v=DKIM1; p=".into(), Some("revoked")),
            ("v=DKIM1; k=rsa".into(), Some("p= is missing")),
            (format!("v=DKIM1; k=dsa; p={rsa}"), Some("k= must be")),
            (format!("v=DKIM2; p={rsa}"), Some("v= must be")),
            (format!("v=DKIM1; s=other; p={rsa}"), Some("for e-mail")),
            (format!("v=DKIM1; p={rsa}\""), Some("not base64")),
            ("v=DKIM1; p=AAAA".into(), Some("1024 bits")),
            ("hello".into(), Some("no tag")),
        ] {
            match (key(&record), fault) {
                (Ok(_), None) => {}
                (Err(text), Some(word)) => assert!(text.contains(word), "{record}: {text}"),
                (result, _) => panic!("{record}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_selector_that_was_asked_for_is_always_reported_and_a_common_one_only_if_usable() {
        let found = |record: String| Answer::Found(vec![record]);
        let good = found(format!("p={}", "A".repeat(392)));
        let findings = judged(
            vec![
                selected("mine", true, Answer::None),
                selected("s1", false, found("p=".into())),
                selected("s2", false, good),
                selected("k1", false, Answer::Failed("late".into())),
            ],
            &Senders::default(),
        );
        let verdicts: Vec<_> = findings
            .iter()
            .map(|f| (f.name.as_str(), f.verdict))
            .collect();
        assert_eq!(
            verdicts,
            [
                ("mine._domainkey.example.org", Verdict::Missing),
                ("s2._domainkey.example.org", Verdict::Ok),
            ]
        );
        assert_eq!(findings[0].add, None);
        let token = "abcdefghijklmnopqrstuvwxyz234567";
        let findings = judged(
            vec![selected(token, true, Answer::None)],
            &Senders::default(),
        );
        let add = findings[0].add.as_ref().unwrap();
        assert_eq!(
            (add.kind, add.value.as_str()),
            ("CNAME", &*format!("{token}.dkim.amazonses.com"))
        );
    }

    #[test]
    fn without_any_key_it_says_where_selectors_are_found() {
        let senders = Senders {
            ses: true,
            ..Senders::default()
        };
        let findings = judged(vec![selected("s1", false, Answer::None)], &senders);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].verdict, Verdict::Unknown);
        assert!(findings[0].says.contains("DkimAttributes.Tokens"));
        let findings = judged(Vec::new(), &Senders::default());
        assert!(!findings[0].says.contains("SES"));
    }

    #[test]
    fn where_dns_did_not_answer_it_does_not_say_that_there_is_no_key() {
        let late = selected("s1", false, Answer::Failed("late".into()));
        let none = selected("s2", false, Answer::None);
        let findings = judged(vec![none, late], &Senders::default());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].verdict, Verdict::Unknown);
        assert!(
            findings[0].says.contains("no answer (late)"),
            "{findings:?}"
        );
    }

    #[test]
    fn two_records_are_wrong() {
        let two = Answer::Found(vec!["p=".into(), "p=".into()]);
        let findings = judged(vec![selected("a", true, two)], &Senders::default());
        assert_eq!(findings[0].verdict, Verdict::Wrong);
        assert!(findings[0].says.contains("more than one"));
    }
}
