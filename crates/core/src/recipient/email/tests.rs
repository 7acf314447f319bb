use proptest::prelude::*;

use super::*;

#[test]
fn ordinary_and_unusual_addresses_are_accepted() {
    for address in [
        "ada@example.org",
        "ADA@EXAMPLE.ORG",
        "first.last+tag@mail.example.co.uk",
        "o'neill@example.ie",
        "__________@example.name",
        "{any|atext}/=?^`~!#$%&*@example.org",
        "1234567890@12345.org",
        "a@double--hyphen.org",
        "a@in--third-place.org",
        "zoë@example.org",
        "straße@example.org",
        "post@vertrieb.vermögensberatung",
        "info@例え.テスト",
        "info@xn--r8jz45g.xn--zckzah",
    ] {
        assert!(EmailAddress::parse(address).is_ok(), "{address}");
    }
}

#[test]
fn what_no_mail_server_could_take_is_refused() {
    let long_label = format!("a@{}.org", "b".repeat(64));
    let long_host = format!("a@{}org", "abcdefghi.".repeat(26));
    let long = format!("{}@example.org", "a".repeat(320));
    for address in [
        "",
        "@",
        "plain",
        "no-at.example.org",
        "@example.org",
        "a@",
        "a@localhost",
        "a@example.o",
        "a@example.org.",
        "a@.example.org",
        "a@example..org",
        "a..b@example.org",
        ".a@example.org",
        "a.@example.org",
        "a@b@example.org",
        "a b@example.org",
        "a@exam ple.org",
        "a\r\nBcc: b@example.org",
        "a@example.org\r\nBcc: b@example.net",
        "\"quoted\"@example.org",
        "a\"b@example.org",
        "Ada <ada@example.org>",
        "a(comment)@example.org",
        "a,b@example.org",
        "a;b@example.org",
        "a@example.org;",
        "a@example,org",
        "a@under_score.org",
        "a@-example.org",
        "a@example-.org",
        "a@192.168.0.1",
        "a@[192.168.0.1]",
        "a@xn---nope.org",
        "price£@example.org",
        "o’neill@example.ie",
        &long_label,
        &long_host,
        &long,
    ] {
        assert_eq!(EmailAddress::parse(address), Err(EmailError), "{address:?}");
    }
}

#[test]
fn copied_white_space_and_invisible_characters_are_dropped() {
    let address = EmailAddress::parse(" \u{feff}ada@exam\u{200b}ple.org\u{a0}\n").unwrap();
    assert_eq!(address.as_str(), "ada@example.org");
}

#[test]
fn case_is_kept_for_sending_and_dropped_for_comparing() {
    let address = EmailAddress::parse("Zoë.B@Bücher.Example").unwrap();
    assert_eq!(address.as_str(), "Zoë.B@Bücher.Example");
    assert_eq!(address.normalised(), "zoë.b@bücher.example");
    assert_eq!(address.ascii_host(), "xn--bcher-kva.example");
}

#[test]
fn an_address_does_not_reach_the_log() {
    let address = EmailAddress::parse("ada@example.org").unwrap();
    assert_eq!(format!("{address:?}"), "EmailAddress(…)");
}

proptest! {
    #[test]
    fn any_text_is_judged_and_what_passes_reads_the_same_again(text in "\\PC*@\\PC*\\.org") {
        if let Ok(address) = EmailAddress::parse(&text) {
            prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address.clone()));
            prop_assert!(address.as_str().matches('@').count() == 1);
            prop_assert!(!address.as_str().contains(char::is_whitespace));
        }
    }

    #[test]
    fn a_plain_address_is_accepted(text in "[a-z0-9]{1,20}(\\.[a-z0-9]{1,9})?@[a-z0-9]{1,30}\\.[a-z]{2,10}") {
        let address = EmailAddress::parse(&text).unwrap();
        prop_assert_eq!(address.as_str(), text);
    }
}
