//! The multipart form: the fields, and the file last, so that they are known before it is read.

use std::rc::Rc;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde_json::{Map, Value};

use super::super::schema::Fields;
use super::body::{self, Body, Meter};
use super::fields::{JobFields, MOST_FIELDS, NAME_CHARACTERS, too_many};
use super::seen::Seen;
use crate::error::NotifyError;

/// Most bytes of a field.
const LONGEST_FIELD: usize = 10_000;

/// The part that is the file.
const FILE: &str = "file";

/// The file of a request, being read.
pub(super) struct FilePart {
    multipart: Multipart,
    part: Option<Field>,
    meter: Rc<Meter>,
    /// The charset that the part names.
    pub(super) charset: Option<String>,
}

/// What a request has before its file, and the file.
pub(super) struct Parts {
    map: Map<String, Value>,
    violations: Vec<String>,
    file_name: Option<String>,
    /// None if the request has no file.
    pub(super) file: Option<FilePart>,
}

/// Reads the fields and comes to the file; `parameters` are the query's, of which none is known but
/// `on_invalid_rows`.
pub(super) async fn open(
    headers: &HeaderMap,
    body: Body,
    parameters: Fields,
    now: DateTime<Utc>,
    seen: &mut Seen,
) -> Result<(JobFields, FilePart), NotifyError> {
    parameters.close().map_err(NotifyError::validation)?;
    let mut parts = parts(headers, body, seen).await?;
    if parts.file.is_none() {
        let text = format!("{FILE} is a required property");
        parts.violations.push(text);
    }
    let fields = Fields::of(parts.map, parts.violations);
    let fields = JobFields::take(fields, parts.file_name, now)?;
    // Without the part there was a violation.
    let file = parts
        .file
        .ok_or_else(|| NotifyError::bad_request("The request has no file"))?;
    Ok((fields, file))
}

/// Reads the fields, whatever they are, and comes to the file.
pub(super) async fn parts(
    headers: &HeaderMap,
    body: Body,
    seen: &mut Seen,
) -> Result<Parts, NotifyError> {
    let meter = Rc::<Meter>::default();
    let stream = body.into_stream(tail(headers), Rc::clone(&meter));
    let mut multipart = Multipart::new(headers, stream);
    let (mut map, mut violations) = (Map::new(), Vec::new());
    let mut n_fields = 0;
    let part = loop {
        let Some(part) = multipart.next().await else {
            break None;
        };
        let mut part = part.map_err(|error| refusal(&error))?;
        let name = name_of(&part);
        seen.part(name.as_bytes());
        if name == FILE {
            meter.file_begins();
            break Some(part);
        }
        n_fields += 1;
        if n_fields > MOST_FIELDS {
            return Err(too_many());
        }
        let text = text(&mut part, &name).await?;
        seen.part(text.as_bytes());
        if map.contains_key(&name) {
            violations.push(format!("{name} is given more than once"));
        }
        map.insert(name, Value::String(text));
    };
    let file_name = part.as_ref().and_then(file_name);
    let charset = part
        .as_ref()
        .and_then(Field::content_type)
        .and_then(|mime| mime.get_param("charset"))
        .map(|name| name.to_string());
    for about_file in [&file_name, &charset] {
        seen.part(about_file.as_deref().unwrap_or_default().as_bytes());
    }
    let file = part.map(|part| FilePart {
        multipart,
        part: Some(part),
        meter,
        charset,
    });
    Ok(Parts {
        map,
        violations,
        file_name,
        file,
    })
}

/// What is put after a body: a new line of as many bytes as a boundary may have. At the end of one
/// that was cut the parser waits for ever for so many; after a whole one they mean nothing.
fn tail(headers: &HeaderMap) -> Bytes {
    let n_bytes = headers.get(CONTENT_TYPE).map_or(0, HeaderValue::len);
    let mut tail = b"\r\n".to_vec();
    tail.resize(tail.len() + n_bytes, b' ');
    Bytes::from(tail)
}

fn file_name(part: &Field) -> Option<String> {
    let name = part.content_disposition()?.get_filename()?;
    (!name.trim().is_empty()).then(|| name.to_owned())
}

fn name_of(part: &Field) -> String {
    let name = part.name().unwrap_or_default();
    name.chars().take(NAME_CHARACTERS).collect()
}

async fn text(part: &mut Field, name: &str) -> Result<String, NotifyError> {
    let bytes = part.bytes(LONGEST_FIELD).await.map_err(|_| {
        NotifyError::bad_request(format!("{name} is longer than {LONGEST_FIELD} bytes"))
    })?;
    let bytes = bytes.map_err(|error| refusal(&error))?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| NotifyError::bad_request(format!("{name} is not UTF-8")))
}

impl FilePart {
    /// The next piece; none at the end of the request, of which the file is the last part.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, NotifyError> {
        if let Some(part) = &mut self.part {
            if let Some(piece) = part.next().await {
                return piece.map(Some).map_err(|error| refusal(&error));
            }
            self.part = None;
            self.meter.file_ends();
        }
        match self.multipart.next().await {
            None => Ok(None),
            Some(Err(error)) => Err(refusal(&error)),
            Some(Ok(part)) => Err(NotifyError::bad_request(format!(
                "{} comes after {FILE}, which must be the last part",
                name_of(&part)
            ))),
        }
    }
}

fn refusal(error: &MultipartError) -> NotifyError {
    match error {
        MultipartError::Payload(error) => body::fault(error).into(),
        error => NotifyError::bad_request(format!("The multipart body cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
