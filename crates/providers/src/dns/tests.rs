//! Against a name server on loopback that knows a handful of records.

use std::net::UdpSocket;
use std::time::Instant;

use carillon_core::sender_domain::{Check, Report, Senders, Verdict};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, TXT};
use hickory_resolver::proto::rr::{Name, Record};

use super::*;

/// What the server does about a name.
#[derive(Clone)]
enum Knows {
    Records(Vec<RData>),
    Refuses,
    StaysSilent,
}

/// Serves until the test ends; names that it does not know do not exist.
fn server(zone: Vec<(&'static str, Knows)>) -> Dns {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            if let Some(answer) = answer(&zone, query) {
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
        }
    });
    Dns::at(address).unwrap()
}

fn answer(zone: &[(&'static str, Knows)], query: Message) -> Option<Message> {
    let question = query.queries.first()?.clone();
    let mut answer = query.into_response();
    answer.metadata.message_type = MessageType::Response;
    let mut name = question.name().clone();
    loop {
        let asked = name.to_string().to_lowercase();
        let known = zone.iter().find(|(known, _)| format!("{known}.") == asked);
        let records = match known.map(|(_, knows)| knows) {
            None => {
                answer.metadata.response_code = ResponseCode::NXDomain;
                return Some(answer);
            }
            Some(Knows::StaysSilent) => return None,
            Some(Knows::Refuses) => {
                answer.metadata.response_code = ResponseCode::ServFail;
                return Some(answer);
            }
            Some(Knows::Records(records)) => records,
        };
        let alias = records.iter().find_map(|data| match data {
            RData::CNAME(alias) => Some(alias.0.clone()),
            _ => None,
        });
        for data in records {
            if alias.is_some() || data.record_type() == question.query_type() {
                answer.add_answer(Record::from_rdata(name.clone(), 60, data.clone()));
            }
        }
        match alias {
            Some(to) => name = to,
            None => return Some(answer),
        }
    }
}

fn txt(texts: &[&str]) -> Knows {
    let record = |text: &&str| {
        let parts = text.as_bytes().chunks(255).collect();
        RData::TXT(TXT::from_bytes(parts))
    };
    Knows::Records(texts.iter().map(record).collect())
}

fn mx(host: &str) -> RData {
    RData::MX(MX::new(10, Name::from_ascii(host).unwrap()))
}

async fn asked(dns: &Dns, domain: &str, selectors: &[&str]) -> Records {
    let domain = SenderDomain::parse(domain).unwrap();
    let selectors: Vec<String> = selectors.iter().map(|&s| s.to_owned()).collect();
    dns.records(&domain, &selectors).await
}

#[tokio::test]
async fn a_domain_that_is_set_up_is_fine() {
    let key = format!("v=DKIM1; p={}", "A".repeat(392));
    let dns = server(vec![
        (
            "example.org",
            Knows::Records(vec![
                RData::TXT(TXT::new(vec!["v=spf1 include:a.net -all".into()])),
                RData::TXT(TXT::new(vec!["something else".into()])),
                mx("mx.example.org."),
            ]),
        ),
        ("a.net", txt(&["v=spf1 include:b.net ip4:192.0.2.1 ~all"])),
        ("b.net", txt(&["v=spf1 ip4:192.0.2.2 -all"])),
        (
            "token._domainkey.example.org",
            Knows::Records(vec![RData::CNAME(CNAME(
                Name::from_ascii("token.signer.net.").unwrap(),
            ))]),
        ),
        ("token.signer.net", txt(&[&key])),
        (
            "_dmarc.example.org",
            txt(&["v=DMARC1; p=reject; rua=mailto:d@example.org"]),
        ),
    ]);
    let records = asked(&dns, "example.org", &["token"]).await;
    assert_eq!(records.txt.len(), 3, "{records:?}");
    assert_eq!(records.dkim[0].txt, Answer::Found(vec![key]));
    assert_eq!(records.mx, Answer::Found(vec!["10 mx.example.org".into()]));
    let report = Report::of(&records, &Senders::default());
    assert!(report.fine, "{report:#?}");
}

#[tokio::test]
async fn what_does_not_exist_is_told_from_what_was_not_answered() {
    let address = Knows::Records(vec![RData::A(A::new(192, 0, 2, 1))]);
    let dns = server(vec![
        ("bare.example.org", address),
        ("_dmarc.example.org", Knows::Refuses),
        ("s1._domainkey.bare.example.org", txt(&["p="])),
    ]);
    let records = asked(&dns, "bare.example.org", &[]).await;
    assert_eq!(records.txt["bare.example.org"], Answer::None);
    assert_eq!(records.mx, Answer::None);
    assert_eq!(records.addresses, Answer::Found(vec!["192.0.2.1".into()]));
    assert_eq!(records.dmarc[0].1, Answer::None);
    let Answer::Failed(why) = &records.dmarc[1].1 else {
        panic!("{records:?}");
    };
    assert!(why.contains("Server Failure"), "{why}");
    let verdicts: Vec<_> = Report::of(&records, &Senders::default())
        .findings
        .iter()
        .map(|finding| (finding.check, finding.verdict))
        .collect();
    assert_eq!(
        verdicts,
        [
            (Check::Spf, Verdict::Missing),
            (Check::Dkim, Verdict::Unknown),
            (Check::Dmarc, Verdict::Unknown),
            (Check::Replies, Verdict::Ok),
        ]
    );
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let dns = server(vec![("example.org", Knows::StaysSilent)]);
    let began = Instant::now();
    let records = asked(&dns, "example.org", &[]).await;
    assert!(matches!(records.mx, Answer::Failed(_)), "{records:?}");
    assert!(matches!(records.txt["example.org"], Answer::Failed(_)));
    assert!(
        began.elapsed() < ANSWERS_WITHIN * 2,
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn records_that_lead_on_and_on_are_not_followed_for_ever() {
    let mut zone = vec![("example.org", txt(&["v=spf1 include:n0.net -all"]))];
    for n in 0..60 {
        let name: &'static str = format!("n{n}.net").leak();
        zone.push((name, txt(&[&format!("v=spf1 include:n{}.net -all", n + 1)])));
    }
    let records = asked(&server(zone), "example.org", &[]).await;
    assert_eq!(records.txt.len(), MOST_FOLLOWED);
    let report = Report::of(&records, &Senders::default());
    assert_eq!(report.findings[0].verdict, Verdict::Wrong, "{report:?}");
}

#[tokio::test]
async fn a_record_that_names_dozens_is_not_followed_to_all_of_them() {
    let includes: String = (0..60).map(|n| format!("include:n{n}.net ")).collect();
    let dns = server(vec![(
        "example.org",
        txt(&[&format!("v=spf1 {includes}-all")]),
    )]);
    let records = asked(&dns, "example.org", &[]).await;
    assert_eq!(records.txt.len(), MOST_FOLLOWED);
    let report = Report::of(&records, &Senders::default());
    assert_eq!(report.findings[0].verdict, Verdict::Wrong, "{report:?}");
}
