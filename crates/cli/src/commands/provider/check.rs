//! `carillon provider check`.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, anyhow};
use carillon_core::provider::ProviderSettings;
use carillon_core::sender_domain::{
    Finding, NotADomain, Report, SenderDomain, Senders, Verdict, is_selector,
};
use carillon_providers::dns::Dns;
use clap::Args;
use secrecy::ExposeSecret;

use super::all;
use crate::cx::Cx;
use crate::format::Output;
use crate::table::shown;

#[derive(Args)]
pub(crate) struct Check {
    /// The domain that mail is sent from
    #[arg(value_parser = SenderDomain::parse)]
    domain: SenderDomain,
    /// A DKIM selector to look at, besides common ones; may be repeated
    #[arg(long = "selector", value_name = "SELECTOR", value_parser = selector)]
    selectors: Vec<String>,
    /// The resolver to ask; the system's if left out
    #[arg(long, value_name = "IP[:PORT]", value_parser = resolver)]
    resolver: Option<SocketAddr>,
    /// A name that the SPF record must include; may be repeated
    #[arg(long = "include", value_name = "DOMAIN", value_parser = include)]
    includes: Vec<String>,
    #[command(flatten)]
    output: Output,
}

fn selector(text: &str) -> Result<String, &'static str> {
    if is_selector(text) {
        Ok(text.to_owned())
    } else {
        Err("a selector is what stands before ._domainkey, such as s1")
    }
}

fn include(text: &str) -> Result<String, NotADomain> {
    // The names of SPF records often begin with an underscore, which is none of a host's letters.
    let bare: String = text
        .split('.')
        .map(|l| l.trim_start_matches('_'))
        .collect::<Vec<_>>()
        .join(".");
    SenderDomain::parse(&bare)?;
    Ok(text.to_ascii_lowercase())
}

fn resolver(text: &str) -> Result<SocketAddr, &'static str> {
    let alone = |text: &str| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
    text.parse()
        .or_else(|_| alone(text))
        .map_err(|_| "must be an IP address, or one with a port such as 127.0.0.1:5353")
}

impl Check {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let Self {
            domain,
            selectors,
            resolver,
            includes,
            output,
        } = self;
        let senders = Senders {
            includes,
            ..senders(cx).await?
        };
        let dns = match resolver {
            Some(address) => Dns::at(address)?,
            None => Dns::system()?,
        };
        let report = Report::of(&dns.records(&domain, &selectors).await, &senders);
        let printed = output.render(|| text(&report), &report)?;
        if report.fine {
            return Ok(printed);
        }
        // The report is the result, although not all is fine.
        crate::print(&printed)?;
        let open = report
            .findings
            .iter()
            .filter(|f| f.verdict != Verdict::Ok)
            .count();
        Err(anyhow!(
            "{domain}: not fine yet; {open} of {} checks",
            report.findings.len()
        ))
    }
}

/// Those of the active e-mail providers; nobody where no database is configured, as on a laptop.
async fn senders(cx: &Cx) -> anyhow::Result<Senders> {
    if cx.settings()?.database.url.expose_secret().is_empty() {
        return Ok(Senders::default());
    }
    let providers = all(&cx.store()?).await?;
    let settings = providers
        .iter()
        .filter(|provider| provider.active)
        .map(|provider| ProviderSettings::read(provider.kind, &provider.settings))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| anyhow!(fault))
        .context("a provider's settings cannot be read")?;
    Ok(Senders::of(&settings))
}

fn text(report: &Report) -> String {
    let findings: Vec<String> = report.findings.iter().map(finding).collect();
    findings.join("\n")
}

fn finding(finding: &Finding) -> String {
    let check = finding.check.as_str().to_uppercase();
    let mut lines = vec![format!(
        "{check:<8} {:<8} {}",
        finding.verdict, finding.name
    )];
    let mut line = |title: &str, text: &str| lines.push(format!("  {title:<6} {}", shown(text)));
    for record in &finding.found {
        line("found", record);
    }
    line("", &finding.says);
    if let Some(record) = &finding.add {
        line(
            "add",
            &format!("{} {} {}", record.name, record.kind, record.value),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use carillon_core::sender_domain::{Answer, Records};

    use super::*;

    #[test]
    fn a_report_says_what_was_found_and_what_to_add() {
        let domain = SenderDomain::parse("example.org").expect("a domain");
        let found = |text: &str| Answer::Found(vec![text.to_owned()]);
        let records = Records {
            txt: [("example.org".to_owned(), found("v=spf1 mx -all"))].into(),
            dkim: Vec::new(),
            dmarc: vec![("_dmarc.example.org".to_owned(), Answer::None)],
            mx: found("10 mx.example.org"),
            addresses: Answer::None,
            domain,
        };
        insta::assert_snapshot!(text(&Report::of(&records, &Senders::default())), @r"
        SPF      ok       example.org
          found  v=spf1 mx -all
                 other servers are refused; it costs 1 of 10 DNS lookups
        DKIM     unknown  _domainkey.example.org
                 no key under the selectors that are common, and DNS cannot list others; whoever signs the mail knows it: check it with --selector
        DMARC    missing  _dmarc.example.org
                 receivers are told nothing about forged mail, and large ones refuse bulk mail without a policy; begin with p=none, read the reports, then raise it
          add    _dmarc.example.org TXT v=DMARC1; p=none; rua=mailto:dmarc-reports@example.org
        REPLIES  ok       example.org
          found  10 mx.example.org
                 answers and bounces go to these mail servers
        ");
    }

    #[test]
    fn a_resolver_has_a_port_or_the_usual_one() {
        let read = |text| resolver(text).map(|address| address.to_string());
        assert_eq!(read("192.0.2.1"), Ok("192.0.2.1:53".to_owned()));
        assert_eq!(read("127.0.0.1:5353"), Ok("127.0.0.1:5353".to_owned()));
        assert_eq!(read("[::1]:5353"), Ok("[::1]:5353".to_owned()));
        assert_eq!(read("::1"), Ok("[::1]:53".to_owned()));
        assert!(read("dns.example.org").is_err());
    }

    #[test]
    fn an_include_may_begin_with_an_underscore() {
        assert_eq!(
            include("_spf.Example.net"),
            Ok("_spf.example.net".to_owned())
        );
        assert!(include("a b").is_err());
    }
}
