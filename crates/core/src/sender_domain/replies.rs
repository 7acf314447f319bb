//! Whether answers and bounces to the domain find their way.

use super::finding::{Check, Finding, Record, Verdict};
use super::{Answer, Records};

pub(super) fn judge(records: &Records) -> Finding {
    let name = records.domain.as_str();
    let finding = |verdict, says: &str| Finding::new(Check::Replies, verdict, name, says);
    match (&records.mx, &records.addresses) {
        (Answer::Found(hosts), _) if hosts.iter().any(|host| is_null(host)) => finding(
            Verdict::Wrong,
            "the domain says that it takes no mail (null MX): answers and bounces are lost, and \
             some receivers refuse mail from it; put a real mail server in place of the record",
        )
        .found(hosts)
        .add(mail_server(name)),
        (Answer::Found(hosts), _) => {
            finding(Verdict::Ok, "answers and bounces go to these mail servers").found(hosts)
        }
        (Answer::Failed(why), _) | (Answer::None, Answer::Failed(why)) => {
            Finding::unanswered(Check::Replies, name, why)
        }
        (Answer::None, Answer::Found(addresses)) => finding(
            Verdict::Ok,
            "there is no MX record, so answers go to the domain's own address: a mail server must \
             listen there",
        )
        .found(addresses),
        (Answer::None, Answer::None) => finding(
            Verdict::Missing,
            "nothing takes mail for the domain: answers and bounces are lost, and some receivers \
             refuse mail from it",
        )
        .add(mail_server(name)),
    }
}

/// RFC 7505: `0 .`.
fn is_null(host: &str) -> bool {
    host.split_whitespace().nth(1) == Some(".")
}

fn mail_server(name: &str) -> Record {
    Record {
        name: name.to_owned(),
        kind: "MX",
        value: "10 (the host name of the server that takes your mail)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::SenderDomain;
    use super::*;

    #[test]
    fn mail_must_find_its_way_back() {
        let found = |text: &str| Answer::Found(vec![text.to_owned()]);
        for (mx, addresses, verdict) in [
            (found("10 mx.example.org."), Answer::None, Verdict::Ok),
            (found("0 ."), found("192.0.2.1"), Verdict::Wrong),
            (Answer::None, found("192.0.2.1"), Verdict::Ok),
            (Answer::None, Answer::None, Verdict::Missing),
            (
                Answer::None,
                Answer::Failed("late".into()),
                Verdict::Unknown,
            ),
            (
                Answer::Failed("late".into()),
                Answer::None,
                Verdict::Unknown,
            ),
        ] {
            let records = Records {
                domain: SenderDomain::parse("example.org").unwrap(),
                txt: BTreeMap::new(),
                dkim: Vec::new(),
                dmarc: Vec::new(),
                mx,
                addresses,
            };
            let finding = judge(&records);
            assert_eq!(finding.verdict, verdict, "{records:?}");
            let must_add = matches!(verdict, Verdict::Missing | Verdict::Wrong);
            assert_eq!(finding.add.is_some(), must_add);
        }
    }
}
