use super::super::SenderDomain;
use super::*;

/// TXT records by name; two records at a name with a bar between them, `!` for no answer.
fn judged(txt: &[(&str, &str)], senders: &Senders) -> Finding {
    let answer = |text: &str| match text {
        "" => Answer::None,
        "!" => Answer::Failed("timed out".to_owned()),
        text => Answer::Found(text.split('|').map(str::to_owned).collect()),
    };
    judge(
        &Records {
            domain: SenderDomain::parse("example.org").unwrap(),
            txt: txt
                .iter()
                .map(|(name, text)| ((*name).to_owned(), answer(text)))
                .collect(),
            dkim: Vec::new(),
            dmarc: Vec::new(),
            mx: Answer::None,
            addresses: Answer::None,
        },
        senders,
    )
}

fn alone(record: &str) -> Finding {
    judged(&[("example.org", record)], &Senders::default())
}

#[test]
fn one_record_is_judged_by_its_terms() {
    use Verdict::{Missing, Ok, Unknown, Wrong};
    for (record, verdict, word) in [
        (
            "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
            Ok,
            "refused",
        ),
        ("V=SPF1 a mx ~ALL", Ok, "costs 2 of 10"),
        (
            "v=spf1 a:mail.example.org/24 exists:%{i}.x.org ~all",
            Ok,
            "costs 2",
        ),
        ("v=spf1 ptr -all", Ok, "ptr"),
        ("google-site-verification=x|v=spf1 -all", Ok, "refused"),
        (
            "v=spf1 -all mx mx mx mx mx mx mx mx mx mx mx",
            Ok,
            "costs 0",
        ),
        ("v=spf1 exp=explain.example.org x-y=z -all", Ok, "refused"),
        ("v=spf1 include:%{d}.x.org -all", Ok, "costs 1"),
        ("v=spf1 mx +all", Wrong, "anyone"),
        ("v=spf1 mx all", Wrong, "anyone"),
        ("v=spf1 mx ?all", Wrong, "says nothing"),
        ("v=spf1 mx", Wrong, "does not end"),
        ("v=spf1", Wrong, "does not end"),
        ("v=spf1 mx -all|v=spf1 a -all", Wrong, "more than one"),
        ("v=spf1 ipv4:192.0.2.1 -all", Wrong, "no term of SPF"),
        ("v=spf1 ip4:192.0.2 -all", Wrong, "no address"),
        ("v=spf1 ip4:192.0.2.0/33 -all", Wrong, "no address"),
        ("v=spf1 include: -all", Wrong, "lacks"),
        (
            "v=spf1 mx mx mx mx mx mx mx mx mx mx a -all",
            Wrong,
            "more than 10",
        ),
        ("v=spf10 -all", Missing, "nothing says"),
        ("", Missing, "nothing says"),
        ("!", Unknown, "timed out"),
    ] {
        let finding = alone(record);
        assert_eq!(finding.verdict, verdict, "{record}: {}", finding.says);
        assert!(finding.says.contains(word), "{record}: {}", finding.says);
    }
}

#[test]
fn includes_and_redirects_are_followed() {
    use Verdict::{Ok, Unknown, Wrong};
    for (txt, verdict, word) in [
        (
            &[
                ("example.org", "v=spf1 include:A.net. -all"),
                ("a.net", "v=spf1 a mx ?all"),
            ][..],
            Ok,
            "costs 3",
        ),
        (
            &[
                ("example.org", "v=spf1 redirect=a.net"),
                ("a.net", "v=spf1 mx -all"),
            ],
            Ok,
            "costs 2",
        ),
        (
            &[("example.org", "v=spf1 redirect=a.net -all")],
            Ok,
            "costs 0",
        ),
        (
            &[
                ("example.org", "v=spf1 redirect=a.net"),
                ("a.net", "v=spf1 mx"),
            ],
            Wrong,
            "does not end",
        ),
        (
            &[("example.org", "v=spf1 include:a.net -all"), ("a.net", "")],
            Wrong,
            "0 SPF records",
        ),
        (
            &[
                ("example.org", "v=spf1 include:a.net -all"),
                ("a.net", "v=spf1 quatsch -all"),
            ],
            Wrong,
            "a.net",
        ),
        (
            &[("example.org", "v=spf1 include:a.net -all"), ("a.net", "!")],
            Unknown,
            "a.net: timed out",
        ),
        // A loop costs until it breaks the limit.
        (
            &[("example.org", "v=spf1 include:example.org -all")],
            Wrong,
            "more than 10",
        ),
        (
            &[
                ("example.org", "v=spf1 redirect=a.net"),
                ("a.net", "v=spf1 redirect=example.org"),
            ],
            Wrong,
            "more than 10",
        ),
    ] {
        let finding = judged(txt, &Senders::default());
        assert_eq!(finding.verdict, verdict, "{txt:?}: {}", finding.says);
        assert!(finding.says.contains(word), "{txt:?}: {}", finding.says);
    }
}

#[test]
fn the_names_to_follow_are_those_of_the_one_spf_record() {
    let txt = Answer::Found(vec![
        "include:other.net".into(),
        "v=spf1 include:a.net include:%{d}.b.net redirect=c.net".into(),
    ]);
    assert_eq!(names_to_follow(&txt), ["a.net", "c.net"]);
    assert!(names_to_follow(&Answer::None).is_empty());
}

#[test]
fn the_record_to_add_allows_who_sends() {
    let senders = Senders {
        includes: vec!["spf.example.net".into()],
        mail_servers: vec!["mail.example.org".into()],
        ses: false,
    };
    let value = |finding: Finding| finding.add.unwrap().value;
    let missing = judged(&[("example.org", "")], &senders);
    assert_eq!(
        value(missing),
        "v=spf1 include:spf.example.net a:mail.example.org ~all"
    );
    let lacking = judged(&[("example.org", "v=spf1 mx -all")], &senders);
    assert_eq!(lacking.verdict, Verdict::Wrong);
    assert_eq!(value(lacking), "v=spf1 mx include:spf.example.net -all");
    assert_eq!(value(alone("v=spf1 mx +all")), "v=spf1 mx ~all");
    assert_eq!(value(alone("v=spf1 mx")), "v=spf1 mx ~all");
}

#[test]
fn with_ses_alone_no_record_is_needed_but_a_wrong_one_is_still_wrong() {
    let ses = Senders {
        ses: true,
        ..Senders::default()
    };
    assert_eq!(judged(&[("example.org", "")], &ses).verdict, Verdict::Ok);
    assert_eq!(
        judged(&[("example.org", "v=spf1 +all")], &ses).verdict,
        Verdict::Wrong
    );
}

#[test]
fn no_text_makes_reading_fail_otherwise_than_by_saying_so() {
    for text in [
        "v=spf1 ü:ü -ü",
        "v=spf1  +",
        "v=spf1 =",
        "v=spf1 a=ü /",
        "v=spf",
        "ü=spf1 ",
    ] {
        if is_spf(text) {
            let _ = record::Spf::read(text);
        }
        let _ = alone(text);
    }
}
