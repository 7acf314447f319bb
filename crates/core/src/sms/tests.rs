use proptest::prelude::*;

use super::*;

fn measured(text: &str) -> (Encoding, usize, u32) {
    let Parts {
        encoding,
        units,
        parts,
    } = parts(text);
    (encoding, units, parts)
}

#[test]
fn the_alphabet_has_127_characters_and_ten_more_of_two_places() {
    let count = |n| {
        (char::MIN..=char::MAX)
            .filter(|c| septets(*c) == Some(n))
            .count()
    };
    // 128 places, of which one is the escape itself.
    assert_eq!((count(1), count(2)), (127, 10));
}

#[test]
fn a_message_alone_is_longer_than_a_part() {
    assert_eq!(measured(""), (Encoding::Gsm7, 0, 1));
    assert_eq!(measured(&"a".repeat(160)), (Encoding::Gsm7, 160, 1));
    assert_eq!(measured(&"a".repeat(161)), (Encoding::Gsm7, 161, 2));
    assert_eq!(measured(&"a".repeat(306)), (Encoding::Gsm7, 306, 2));
    assert_eq!(measured(&"a".repeat(307)), (Encoding::Gsm7, 307, 3));
    assert_eq!(
        measured(&"a".repeat(MAX_CHARACTERS)),
        (Encoding::Gsm7, 918, 6)
    );
    assert_eq!(measured(&"ж".repeat(70)), (Encoding::Ucs2, 70, 1));
    assert_eq!(measured(&"ж".repeat(71)), (Encoding::Ucs2, 71, 2));
    assert_eq!(measured(&"ж".repeat(135)), (Encoding::Ucs2, 135, 3));
}

#[test]
fn one_character_outside_the_alphabet_changes_the_whole_message() {
    assert_eq!(
        measured(&format!("{}ê", "a".repeat(99))),
        (Encoding::Ucs2, 100, 2)
    );
}

#[test]
fn an_escaped_character_is_not_torn_between_parts() {
    assert_eq!(measured(&"€".repeat(80)), (Encoding::Gsm7, 160, 1));
    assert_eq!(measured(&"€".repeat(81)), (Encoding::Gsm7, 162, 2));
    // 306 septets, but the 153rd would be the first half of the euro.
    let torn = format!("{}€{}", "a".repeat(152), "a".repeat(152));
    assert_eq!(measured(&torn), (Encoding::Gsm7, 306, 3));
}

#[test]
fn an_emoji_takes_two_units_and_is_not_torn_between_parts() {
    assert_eq!(measured(&"🔔".repeat(35)), (Encoding::Ucs2, 70, 1));
    assert_eq!(measured(&"🔔".repeat(36)), (Encoding::Ucs2, 72, 2));
    assert_eq!(measured(&"🔔".repeat(67)), (Encoding::Ucs2, 134, 3));
}

proptest! {
    #[test]
    fn a_longer_message_never_takes_fewer_parts(text in "[a€ж🔔]{0,300}", more in "[a€ж🔔]{0,9}") {
        let longer = format!("{text}{more}");
        prop_assert!(parts(&text).parts <= parts(&longer).parts);
    }

    #[test]
    fn parts_hold_the_units_with_at_most_one_wasted_each(text in "[a€ж🔔]{0,900}") {
        let Parts { encoding, units, parts } = parts(&text);
        let parts = parts as usize;
        prop_assert!(units <= encoding.single() || units <= parts * encoding.joined());
        prop_assert!(parts == 1 || units > (parts - 1) * (encoding.joined() - 1));
    }
}
