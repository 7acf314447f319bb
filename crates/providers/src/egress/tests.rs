//! URLs that lead somewhere else than they seem to.

use super::*;

const STRICT: EgressPolicy = EgressPolicy {
    allow_private: false,
};
const LENIENT: EgressPolicy = EgressPolicy {
    allow_private: true,
};

const LOOPBACK: Refusal = Refusal::Address("the host has a loopback address");
const PRIVATE: Refusal = Refusal::Address("the host has a private address");
const METADATA: Refusal = Refusal::Address("the host has an address of a cloud's metadata service");
const LINK_LOCAL: Refusal = Refusal::Address("the host has a link-local address");
const UNSPECIFIED: Refusal = Refusal::Address("the host has an unspecified address");

fn vet(text: &str, policy: EgressPolicy) -> Result<String, Refusal> {
    vet_url(text, policy).map(String::from)
}

#[test]
fn a_url_that_does_not_lead_to_the_internet_is_refused_with_the_rule() {
    for (text, refusal) in [
        // Plain spellings.
        ("https://127.0.0.1/", LOOPBACK),
        ("https://127.255.255.254/", LOOPBACK),
        ("https://10.1.2.3/", PRIVATE),
        ("https://172.16.0.1:8443/", PRIVATE),
        ("https://192.168.0.1/", PRIVATE),
        ("https://0.0.0.0/", UNSPECIFIED),
        ("https://169.254.1.1/", LINK_LOCAL),
        ("https://169.254.169.254/latest/meta-data/", METADATA),
        ("https://[::1]/", LOOPBACK),
        ("https://[::]/", UNSPECIFIED),
        ("https://[fe80::1]/", LINK_LOCAL),
        ("https://[fc00::1]/", PRIVATE),
        ("https://[fd00:ec2::254]/", METADATA),
        // Other spellings of IPv4: one number, octal, hexadecimal, fewer parts, other digits.
        ("https://2130706433/", LOOPBACK),
        ("https://0x7f000001/", LOOPBACK),
        ("https://017700000001/", LOOPBACK),
        ("https://0177.0.0.1/", LOOPBACK),
        ("https://0x7f.1/", LOOPBACK),
        ("https://0X7F.0x0.0.1/", LOOPBACK),
        ("https://127.1/", LOOPBACK),
        ("https://127.0.1/", LOOPBACK),
        ("https://127.0.0.1./", LOOPBACK),
        ("https://0/", UNSPECIFIED),
        ("https://2852039166/", METADATA),
        ("https://0xa9.0xfe.43518/", METADATA),
        ("https://１２７.0.0.1/", LOOPBACK),
        ("https://127。0。0。1/", LOOPBACK),
        ("https://①②⑦.0.0.①/", LOOPBACK),
        ("https://%31%32%37.0.0.1/", LOOPBACK),
        // IPv6 that wraps IPv4.
        ("https://[::127.0.0.1]/", LOOPBACK),
        ("https://[::ffff:127.0.0.1]/", LOOPBACK),
        ("https://[::FFFF:7F00:1]/", LOOPBACK),
        ("https://[0:0:0:0:0:ffff:10.0.0.1]/", PRIVATE),
        ("https://[64:ff9b::7f00:1]/", LOOPBACK),
        ("https://[64:ff9b::169.254.169.254]/", METADATA),
        ("https://[2002:7f00:1::]/", LOOPBACK),
        ("https://[2001:0:101:101::80ff:fffe]/", LOOPBACK),
        // Names.
        ("https://localhost/", Refusal::InsideName),
        ("https://LOCALHOST/", Refusal::InsideName),
        ("https://localhost./", Refusal::InsideName),
        ("https://localhost。/", Refusal::InsideName),
        ("https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", Refusal::InsideName),
        ("https://loc\u{ad}alhost/", Refusal::InsideName),
        ("https://a.localhost/", Refusal::InsideName),
        ("https://printer.local/", Refusal::InsideName),
        ("https://metadata.google.internal/", Refusal::InsideName),
        ("https://Metadata.Google.Internal./", Refusal::InsideName),
        ("https://router.home.arpa/", Refusal::InsideName),
        ("https://rabbitmq:15672/", Refusal::InsideName),
        // Schemes.
        ("http://example.com/", Refusal::Scheme),
        ("HTTP://example.com/", Refusal::Scheme),
        ("ftp://example.com/", Refusal::Scheme),
        ("file:///etc/passwd", Refusal::Scheme),
        ("gopher://example.com/", Refusal::Scheme),
        ("javascript:alert(1)", Refusal::Scheme),
        ("localhost:8080", Refusal::Scheme),
        // What looks like one host and is another.
        ("https://hooks.example.com@127.0.0.1/", Refusal::Credentials),
        ("https://user:pass@example.com/", Refusal::Credentials),
        ("https://:pass@example.com/", Refusal::Credentials),
        (
            "https://example.com:443@evil.example/",
            Refusal::Credentials,
        ),
        ("https://127.0.0.1#@example.com/", Refusal::Fragment),
        ("https://127.0.0.1?@example.com/", LOOPBACK),
        ("https://127.0.0.1\\@example.com/", Refusal::Malformed),
        ("https:\\\\example.com/", Refusal::Malformed),
        ("https://exam\tple.com/", Refusal::Malformed),
        ("https://example.com/\r\nx-evil: 1", Refusal::Malformed),
        (" https://example.com/", Refusal::Malformed),
        // The parser takes the missing slashes as given, so the host is an address.
        ("https:127.0.0.1/", LOOPBACK),
        ("https:///127.0.0.1/", LOOPBACK),
        // No host, or none that can be one.
        ("", Refusal::Malformed),
        ("example.com", Refusal::Malformed),
        ("//example.com/", Refusal::Malformed),
        ("https://", Refusal::Malformed),
        ("https://1.2.3.4.5/", Refusal::Malformed),
        ("https://256.256.256.256/", Refusal::Malformed),
        ("https://[::1/", Refusal::Malformed),
        ("https://[fe80::1%25eth0]/", Refusal::Malformed),
        ("https://example.com%2f@127.0.0.1/", Refusal::Credentials),
        ("https://exa%00mple.com/", Refusal::Malformed),
        // Ports.
        ("https://example.com:0/", Refusal::Port),
        ("https://example.com:22/", Refusal::Port),
        ("https://example.com:25/", Refusal::Port),
        ("https://example.com:80/", Refusal::Port),
        ("https://example.com:65536/", Refusal::Malformed),
        ("https://example.com/#part", Refusal::Fragment),
    ] {
        assert_eq!(vet(text, STRICT), Err(refusal), "{text:?}");
    }
}

#[test]
fn a_url_of_the_internet_is_written_in_one_way() {
    for (text, written) in [
        (
            "https://hooks.example.com/a?b=c",
            "https://hooks.example.com/a?b=c",
        ),
        ("HTTPS://Hooks.Example.COM", "https://hooks.example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://1.1.1.1/", "https://1.1.1.1/"),
        ("https://0x01010101/", "https://1.1.1.1/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://example.com/a/../b", "https://example.com/b"),
        // A name in other letters is shown as what it is: this is not apple.com.
        ("https://аpple.com/", "https://xn--pple-43d.com/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        // A name may have any address; that is for the connect to see.
        ("https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/"),
        ("https://localhost.example/", "https://localhost.example/"),
    ] {
        assert_eq!(vet(text, STRICT).as_deref(), Ok(written), "{text}");
        assert_eq!(vet(written, STRICT).as_deref(), Ok(written), "again");
    }
}

#[test]
fn the_longest_url_is_2000_bytes() {
    let of = |n: usize| format!("https://example.com/{}", "a".repeat(n - 20));
    assert!(vet(&of(2_000), STRICT).is_ok());
    assert_eq!(vet(&of(2_001), STRICT), Err(Refusal::TooLong));
    assert!(Refusal::TooLong.to_string().contains("2000"));
}

#[test]
fn with_private_networks_allowed_metadata_and_the_rest_stay_closed() {
    for text in [
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "https://[::1]:80/",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://[fd12::1]/",
        "http://receiver:81/",
    ] {
        assert!(vet(text, LENIENT).is_ok(), "{text}");
        assert!(vet(text, STRICT).is_err(), "{text}");
    }
    for (text, refusal) in [
        ("http://169.254.169.254/", METADATA),
        ("http://[::ffff:169.254.169.254]/", METADATA),
        ("http://100.100.100.200/", METADATA),
        ("http://[fd00:ec2::254]/", METADATA),
        ("http://169.254.1.1/", LINK_LOCAL),
        ("http://0.0.0.0/", UNSPECIFIED),
        ("ftp://127.0.0.1/", Refusal::Scheme),
        ("http://user@127.0.0.1/", Refusal::Credentials),
        ("http://127.0.0.1:0/", Refusal::Port),
    ] {
        assert_eq!(vet(text, LENIENT), Err(refusal), "{text}");
    }
}
