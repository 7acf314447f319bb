//! The JSON form: one object with the fields and the rows, which are not made values of.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::schema::Fields;
use super::fields::{JobFields, MOST_FIELDS, NAME_CHARACTERS, too_many};
use super::rows::Rows;
use crate::error::NotifyError;

/// Most bytes of a member that is not the rows.
const LONGEST_MEMBER: usize = 10_000;
/// A body that is no object is named if it is no longer.
const LONGEST_NAMED: usize = 1_000;

/// Reads a body; `parameters` are the query's, of which none is known but
/// [`OnInvalidRows`]'s.
pub(super) fn open(
    body: &Bytes,
    parameters: Fields,
    now: DateTime<Utc>,
) -> Result<(JobFields, Rows), NotifyError> {
    parameters.close().map_err(NotifyError::validation)?;
    let mut members = members(body)?;
    let (rows, csv) = (members.remove("rows"), members.remove("csv"));
    let (mut map, mut violations) = (Map::new(), Vec::new());
    for (name, member) in members {
        if member.get().len() > LONGEST_MEMBER {
            violations.push(format!("{name} is longer than {LONGEST_MEMBER} bytes"));
        } else {
            let value: Value = serde_json::from_str(member.get()).map_err(|_| not_json())?;
            map.insert(name, value);
        }
    }
    let rows = rows.filter(|raw| raw.get() != "null");
    let csv = csv.filter(|raw| raw.get() != "null");
    if rows.is_some_and(|raw| !raw.get().starts_with('[')) {
        violations.push("rows is not of type array".to_owned());
    }
    if csv.is_some_and(|raw| !raw.get().starts_with('"')) {
        violations.push("csv is not of type string".to_owned());
    }
    let fields = JobFields::take(Fields::of(map, violations), None, now)?;
    let rows = match (rows, csv) {
        (Some(rows), None) => Rows::Json(body.slice_ref(rows.get().as_bytes())),
        (None, Some(csv)) => {
            let text: String = serde_json::from_str(csv.get()).map_err(|_| not_json())?;
            Rows::Csv(Bytes::from(text))
        }
        (None, None) => return Err(NotifyError::bad_request("Specify either rows or csv")),
        (Some(_), Some(_)) => {
            let text = "Specify either rows or csv, and not both";
            return Err(NotifyError::bad_request(text));
        }
    };
    Ok((fields, rows))
}

/// The members of an object by their names, as text; of two with one name, the last.
fn members(body: &[u8]) -> Result<BTreeMap<String, &RawValue>, NotifyError> {
    let error = match serde_json::from_slice(body) {
        Ok(Members::Some(members)) => return Ok(members),
        Ok(Members::TooMany) => return Err(too_many()),
        Err(error) => error,
    };
    if !error.is_data() {
        return Err(not_json());
    }
    let text = if body.len() > LONGEST_NAMED {
        "The request body is not of type object".to_owned()
    } else {
        let value = serde_json::from_slice(body).map_err(|_| not_json())?;
        match Fields::open(value) {
            Err(text) => text,
            Ok(_) => return Err(not_json()),
        }
    };
    Err(NotifyError::validation(vec![text]))
}

fn not_json() -> NotifyError {
    NotifyError::bad_request("Invalid JSON supplied in POST data")
}

/// What an object has, of which a small body may have millions: they are counted while it is read.
enum Members<'a> {
    Some(BTreeMap<String, &'a RawValue>),
    /// More than [`MOST_FIELDS`].
    TooMany,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Gather)
    }
}

struct Gather;

impl<'de> Visitor<'de> for Gather {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
        let mut members = BTreeMap::new();
        while let Some((Name(name), text)) = map.next_entry()? {
            members.insert(name, text);
            if members.len() > MOST_FIELDS {
                // Whether the rest is JSON is told first.
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Members::TooMany);
            }
        }
        Ok(Members::Some(members))
    }
}

/// The first [`NAME_CHARACTERS`] of a member's name.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Shorten)
    }
}

struct Shorten;

impl Visitor<'_> for Shorten {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
        Ok(Name(text.chars().take(NAME_CHARACTERS).collect()))
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::clock;
    use serde_json::json;

    use super::super::fields::parameters;
    use super::*;

    fn opened(body: &str) -> Result<(JobFields, Rows), String> {
        let (_, parameters) = parameters("").unwrap();
        open(
            &Bytes::copy_from_slice(body.as_bytes()),
            parameters,
            clock::now(),
        )
        .map_err(|error| format!("{error:?}"))
    }

    fn with(more: &str) -> String {
        let template = uuid::Uuid::nil();
        format!(r#"{{"template_id": "{template}", "name": "May"{more}}}"#)
    }

    #[test]
    fn rows_stay_as_they_are_written_and_csv_is_read_from_its_string() {
        let (fields, rows) = opened(&with(r#", "rows": [ ["a"],["\u00e9", 1] ]"#)).unwrap();
        assert_eq!(fields.name, "May");
        let Rows::Json(text) = rows else {
            panic!("rows")
        };
        assert_eq!(text, r#"[ ["a"],["\u00e9", 1] ]"#);
        let (_, rows) = opened(&with(r#", "rows": null, "csv": "a\n\u00e9,1\n""#)).unwrap();
        let Rows::Csv(text) = rows else { panic!("csv") };
        assert_eq!(text, "a\né,1\n");
    }

    #[test]
    fn there_are_rows_or_csv_and_not_both() {
        for (more, words) in [
            ("", "Specify either rows or csv"),
            (r#", "rows": null"#, "Specify either rows or csv"),
            (r#", "rows": [], "csv": """#, "and not both"),
        ] {
            let error = opened(&with(more)).err().unwrap();
            assert!(
                error.contains(words) && error.contains("BadRequestError"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let long = "x".repeat(LONGEST_MEMBER);
        let body =
            format!(r#"{{"template_id": 1, "rows": "x", "csv": [1], "colour": "{long}", "z": 1}}"#);
        let error = opened(&body).err().unwrap();
        for words in [
            "template_id 1 is not of type string",
            "name is a required property",
            "rows is not of type array",
            "csv is not of type string",
            "colour is longer than 10000 bytes",
            "(z was unexpected)",
        ] {
            assert!(error.contains(words), "{words}: {error}");
        }
        let (_, parameters) = parameters("name=x").unwrap();
        let body = Bytes::from(with(r#", "rows": []"#));
        let error = open(&body, parameters, clock::now()).err().unwrap();
        assert!(format!("{error:?}").contains("(name was unexpected)"));
    }

    #[test]
    fn an_object_of_a_hundred_thousand_members_is_refused_in_a_few_words() {
        let many: String = (0..100_000).map(|n| format!(r#", "x{n}": 1"#)).collect();
        let error = opened(&with(&many)).err().unwrap();
        assert!(error.contains("there are more than 20"), "{error:.500}");
        assert!(error.len() < 500, "{}", error.len());
        // One name many times is one member.
        let same = format!(
            "{}{}",
            r#", "name": "June""#.repeat(1_000),
            r#", "rows": []"#
        );
        assert_eq!(opened(&with(&same)).unwrap().0.name, "June");
        // What is no JSON is said to be that.
        let broken = opened(&with(&format!("{many}, x"))).err().unwrap();
        assert!(broken.contains("Invalid JSON"), "{broken:.500}");
    }

    #[test]
    fn a_long_name_is_not_told_at_length() {
        let long = "\\u00e9".repeat(1_000);
        let error = opened(&with(&format!(r#", "rows": [], "{long}": 1"#)));
        let error = error.err().unwrap();
        assert!(
            error.contains(&format!("({} was unexpected)", "é".repeat(60))),
            "{error:.500}"
        );
    }

    #[test]
    fn what_is_no_object_is_said_to_be_so() {
        assert!(
            opened("[]")
                .err()
                .unwrap()
                .contains("[] is not of type object")
        );
        let long = json!(vec![1; 1_000]).to_string();
        assert!(
            opened(&long)
                .err()
                .unwrap()
                .contains("body is not of type object")
        );
        let deep = opened(&"[".repeat(100_000)).err().unwrap();
        assert!(deep.contains("body is not of type object"));
        for body in ["", "{", "{}{}", "\u{0}"] {
            assert!(
                opened(body).err().unwrap().contains("Invalid JSON"),
                "{body:.10}"
            );
        }
    }
}
