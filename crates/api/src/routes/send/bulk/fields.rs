//! What a request says about its job, whichever form it has.

use actix_web::web::Query;
use carillon_core::bulk::OnInvalidRows;
use carillon_core::id::{SenderId, TemplateId};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::super::request;
use super::super::schema::Fields;
use crate::error::NotifyError;

/// The one parameter of every form.
const ON_INVALID_ROWS: &str = "on_invalid_rows";
/// Most fields that a request may have; there are eight that are known.
pub(super) const MOST_FIELDS: usize = 20;
/// Most characters of a field's name that are looked at.
pub(super) const NAME_CHARACTERS: usize = 60;
/// Most characters of a job's name.
const LONGEST_NAME: usize = 255;

/// What a client asks for, but for the rows.
#[derive(Debug)]
pub(super) struct JobFields {
    pub template_id: TemplateId,
    pub name: String,
    pub scheduled_for: Option<DateTime<Utc>>,
    pub sender_id: Option<SenderId>,
}

impl JobFields {
    /// Takes the fields; every violation is reported, `fields` holding some perhaps. A name that is
    /// not given is `file_name`, if there is one.
    pub(super) fn take(
        mut fields: Fields,
        file_name: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Self, NotifyError> {
        let template_id = fields.required_string("template_id");
        let template_id = fields.parse("template_id", template_id, "UUID");
        let name = name(&mut fields, file_name);
        // Notify takes it and makes no use of it: rows have references of their own.
        request::reference(&mut fields);
        let sender_id = fields.optional_string("reply_to_id");
        let sender_id = fields.parse("reply_to_id", sender_id, "UUID");
        let scheduled_for = request::scheduled_for(&mut fields, now);
        fields.close().map_err(NotifyError::validation)?;
        // A closed schema without violations has read both.
        let (Some(template_id), Some(name)) = (template_id, name) else {
            return Err(NotifyError::bad_request("The request cannot be read"));
        };
        Ok(Self {
            template_id,
            name,
            scheduled_for,
            sender_id,
        })
    }
}

fn name(fields: &mut Fields, file_name: Option<String>) -> Option<String> {
    let name = match file_name {
        Some(file_name) => fields.optional_string("name").or(Some(file_name)),
        None => fields.required_string("name"),
    }?;
    if name.trim().is_empty() {
        fields.violation("name must not be empty".to_owned());
    } else if name.chars().count() > LONGEST_NAME {
        fields.violation(format!("name is longer than {LONGEST_NAME} characters"));
    } else if name.contains('\0') {
        fields.violation("name must not contain NUL characters".to_owned());
    }
    Some(name)
}

/// A request with more fields than [`MOST_FIELDS`].
pub(super) fn too_many() -> NotifyError {
    let text = format!("Additional properties are not allowed (there are more than {MOST_FIELDS})");
    NotifyError::validation(vec![text])
}

/// The parameters of a request: what to do with bad rows, and everything else as fields.
pub(super) fn parameters(query: &str) -> Result<(OnInvalidRows, Fields), NotifyError> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| NotifyError::bad_request("The query string cannot be read"))?
        .into_inner();
    let mut on_invalid = OnInvalidRows::default();
    let (mut map, mut violations) = (Map::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    for (name, value) in pairs {
        if !seen.insert(name.clone()) {
            violations.push(format!("{name} is given more than once"));
        } else if name == ON_INVALID_ROWS {
            match value.parse() {
                Ok(parsed) => on_invalid = parsed,
                Err(_) => {
                    let names: Vec<_> = OnInvalidRows::ALL.iter().map(|v| v.as_str()).collect();
                    violations.push(format!("{name} is not one of [{}]", names.join(", ")));
                }
            }
        } else {
            map.insert(name, Value::String(value));
        }
    }
    Ok((on_invalid, Fields::of(map, violations)))
}

#[cfg(test)]
mod tests {
    use carillon_core::clock;

    use super::*;

    fn take(query: &str, file_name: Option<&str>) -> Result<JobFields, String> {
        let (_, fields) = parameters(query).unwrap();
        JobFields::take(fields, file_name.map(str::to_owned), clock::now())
            .map_err(|error| format!("{error:?}"))
    }

    const TEMPLATE: &str = "template_id=00000000-0000-0000-0000-000000000001";

    #[test]
    fn every_violation_is_reported_at_once() {
        let query = "template_id=x&template_id=y&reply_to_id=z&scheduled_for=soon&colour=1\
                     &on_invalid_rows=maybe";
        let error = take(query, None).unwrap_err();
        for words in [
            "template_id is given more than once",
            "on_invalid_rows is not one of [fail, skip]",
            "template_id is not a valid UUID",
            "name is a required property",
            "reply_to_id is not a valid UUID",
            "scheduled_for datetime format is invalid",
            "(colour was unexpected)",
        ] {
            assert!(error.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn a_file_s_name_is_the_job_s_unless_it_has_one() {
        let named = |query: &str| take(query, Some("list.csv")).unwrap().name;
        assert_eq!(named(TEMPLATE), "list.csv");
        assert_eq!(named(&format!("{TEMPLATE}&name=May")), "May");
    }

    #[test]
    fn a_name_says_something_and_is_kept_short() {
        for (name, words) in [
            ("%20".to_owned(), "name must not be empty"),
            ("a".repeat(256), "longer than 255"),
            ("a%00".to_owned(), "NUL"),
        ] {
            let error = take(&format!("{TEMPLATE}&name={name}"), None).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert!(take(&format!("{TEMPLATE}&name={}", "é".repeat(255)), None).is_ok());
    }

    #[test]
    fn bad_rows_refuse_a_job_unless_they_are_to_be_skipped() {
        let on_invalid = |query: &str| parameters(query).unwrap().0;
        assert_eq!(on_invalid(""), OnInvalidRows::Refuse);
        assert_eq!(on_invalid("on_invalid_rows=fail"), OnInvalidRows::Refuse);
        assert_eq!(on_invalid("on_invalid_rows=skip"), OnInvalidRows::Skip);
    }
}
