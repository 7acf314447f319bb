//! Values on the command line, read strictly.

use std::error::Error;
use std::str::FromStr;

use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::channel::Channel;
use carillon_core::lane::Lane;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// An id as everything of Carillon writes it. The braces, URNs and bare digits that are UUIDs too
/// are more likely something else pasted by mistake.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, String> {
    let parsed = if text.len() == 36 {
        text.parse().ok()
    } else {
        None
    };
    parsed.ok_or_else(|| {
        "an id has 36 characters, such as 0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42".to_owned()
    })
}

/// A name that is not empty.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("a name must not be empty")
    } else {
        Ok(text.to_owned())
    }
}

/// `email` or `sms`.
pub(crate) fn channel() -> impl TypedValueParser<Value = Channel> {
    word(Channel::ALL.iter().map(|channel| channel.as_str()))
}

/// `priority`, `normal` or `bulk`.
pub(crate) fn lane() -> impl TypedValueParser<Value = Lane> {
    word(Lane::ALL.iter().map(|lane| lane.as_str()))
}

/// `retry`, `hold` or `give-up`.
pub(crate) fn when_answer_lost() -> impl TypedValueParser<Value = WhenAnswerLost> {
    word(WhenAnswerLost::ALL.iter().map(|policy| policy.as_str()))
}

fn word<T>(all: impl Iterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(all).try_map(|text| text.parse::<T>())
}

#[cfg(test)]
mod tests {
    use carillon_core::id::ServiceId;

    use super::*;

    #[test]
    fn only_the_usual_form_of_an_id_is_read() {
        let id_text = "0198c6a2-5d3e-7b12-9f60-3c1a5e8d7f42";
        assert_eq!(
            id::<ServiceId>(id_text).map(|id| id.to_string()),
            Ok(id_text.to_owned())
        );
        for text in [
            "",
            "17",
            &id_text.replace('-', ""),
            &format!("{{{id_text}}}"),
            &"x".repeat(36),
        ] {
            assert!(id::<ServiceId>(text).is_err(), "{text}");
        }
    }
}
