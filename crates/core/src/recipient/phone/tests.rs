use proptest::prelude::*;

use super::*;

fn read(raw: &str) -> Result<String, PhoneError> {
    PhoneNumber::parse(raw, "GB").map(|number| number.as_e164().to_owned())
}

#[test]
fn a_number_is_read_in_every_notation() {
    for raw in [
        "07700900123",
        "7700900123",
        "447700900123",
        "+447700900123",
        "00447700900123",
        "+44 (0)7700 900 123",
        "0044 (0) 7700 900123",
        "(07700) 900-123",
        "07700.900.123",
        "07700/900/123",
        "[07700] 900–123",
        "\u{202a}07700\u{a0}900\u{2011}123\u{202c}",
        "\u{feff}07700\u{200b}900123\r\n",
        "＋447700900123",
    ] {
        assert_eq!(read(raw).as_deref(), Ok("+447700900123"), "{raw:?}");
    }
}

#[test]
fn assigned_mobile_numbers_are_read_in_every_notation() {
    for raw in [
        "07911 123456",
        "7911123456",
        "447911123456",
        "+44 (0)7911 123456",
        "00447911123456",
    ] {
        assert_eq!(read(raw).as_deref(), Ok("+447911123456"), "{raw:?}");
    }
}

#[test]
fn numbers_of_other_countries_keep_their_zeros() {
    assert_eq!(read("+1 202-456-1414").as_deref(), Ok("+12024561414"));
    assert_eq!(read("0033 6 12 34 56 78").as_deref(), Ok("+33612345678"));
    assert_eq!(read("+39 06 698 12345").as_deref(), Ok("+390669812345"));
    assert_eq!(read("+49 (0)1512 3456789").as_deref(), Ok("+4915123456789"));
    assert_eq!(read("+41 79 123 45 67").as_deref(), Ok("+41791234567"));
    assert_eq!(read("+7 916 123 45 67").as_deref(), Ok("+79161234567"));
}

#[test]
fn national_numbers_are_those_of_the_region() {
    let in_us = PhoneNumber::parse("(202) 456-1414", "US").unwrap();
    assert_eq!(
        (in_us.digits(), in_us.country()),
        ("12024561414", Some("US"))
    );
    let in_france = PhoneNumber::parse("06 12 34 56 78", "FR").unwrap();
    assert_eq!(
        (in_france.digits(), in_france.country()),
        ("33612345678", Some("FR"))
    );
    let in_italy = PhoneNumber::parse("391 234 5678", "IT").unwrap();
    assert_eq!(
        (in_italy.digits(), in_italy.country()),
        ("393912345678", Some("IT"))
    );
    let in_rome = PhoneNumber::parse("06 698 12345", "IT").unwrap();
    assert_eq!(in_rome.digits(), "390669812345");
    let reserved = PhoneNumber::parse("+44 7700 900999", "US").unwrap();
    assert_eq!(
        (reserved.digits(), reserved.country()),
        ("447700900999", Some("GB"))
    );
    assert!(PhoneNumber::parse("07700 900123", "??").is_err());
    assert!(PhoneNumber::parse("+447700900123", "??").is_ok());
}

#[test]
fn refusals_have_notifys_texts() {
    let text = |raw| read(raw).unwrap_err().to_string();
    for raw in [
        "",
        "+",
        "0",
        "0123",
        "07700 90012",
        "+44 7700 90012",
        "+1 202 456",
    ] {
        assert_eq!(text(raw), "Not enough digits", "{raw:?}");
    }
    for raw in [
        "07700 9001234",
        "+44 7700 9001234",
        "+1 202 456 14145",
        "12345678901234567890",
    ] {
        assert_eq!(text(raw), "Too many digits", "{raw:?}");
    }
    for raw in [
        "07700 90012x",
        "07700 900123 ext 4",
        "0770+0900123",
        "++447700900123",
        "☎07700900123",
    ] {
        assert_eq!(text(raw), "Must not contain letters or symbols", "{raw:?}");
    }
    for raw in ["+999 1234 5678", "+0044 7700 900123"] {
        assert_eq!(text(raw), "Not a valid country prefix", "{raw:?}");
    }
    for raw in ["+1 111 111 1111", "06123 456789"] {
        assert_eq!(text(raw), "Not a valid phone number", "{raw:?}");
    }
    for raw in [
        "020 7946 0958",
        "+44 1632 960001",
        "0800 123 1234",
        "07640 123456",
    ] {
        assert_eq!(text(raw), "Not a UK mobile number", "{raw:?}");
    }
}

#[test]
fn only_a_landline_is_well_formed_and_refused() {
    assert!(
        !PhoneNumber::parse("020 7946 0958", "GB")
            .unwrap_err()
            .is_format()
    );
    assert!(PhoneNumber::parse("07700", "GB").unwrap_err().is_format());
}

#[test]
fn a_number_does_not_reach_the_log() {
    let number = PhoneNumber::parse("07700900123", "GB").unwrap();
    assert_eq!(format!("{number:?}"), "PhoneNumber(…)");
}

#[test]
fn an_example_of_every_country_is_accepted() {
    let examples = phonenumber::metadata::DATABASE.iter().filter_map(|region| {
        let example = region.descriptors().mobile()?.example()?;
        Some(format!("+{}{example}", region.country_code()))
    });
    let mut n_examples = 0;
    for example in examples {
        assert_eq!(read(&example), Ok(example));
        n_examples += 1;
    }
    assert!(n_examples > 200, "{n_examples}");
}

proptest! {
    #[test]
    fn any_text_is_judged(raw in "\\PC*", region in "[A-Z]{2}") {
        let _ = PhoneNumber::parse(&raw, &region);
    }

    #[test]
    fn what_passes_reads_the_same_again(raw in "\\+?[0-9 ()-]{6,18}", region in "GB|US|FR|IT|IN") {
        if let Ok(number) = PhoneNumber::parse(&raw, &region) {
            prop_assert_eq!(PhoneNumber::parse(number.as_e164(), "GB"), Ok(number));
        }
    }

    #[test]
    fn every_reserved_number_is_accepted(n in 0u32..1000) {
        prop_assert_eq!(read(&format!("07700 900{n:03}")), Ok(format!("+447700900{n:03}")));
    }
}
