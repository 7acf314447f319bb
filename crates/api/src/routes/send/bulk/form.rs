//! Which of the three forms a request has, by its headers.

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::{HttpMessage, HttpRequest};

use crate::error::NotifyError;

/// How fields and rows are put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// All in one object; also what names no type, or one that is not known, as for a single send.
    Json,
    /// The file is the body, the fields are parameters.
    Csv {
        /// The charset that is named.
        charset: Option<String>,
    },
    /// Fields, then the file.
    Multipart,
}

/// Whether the body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// It is as it is.
    None,
    /// It is gzip.
    Gzip,
}

impl Form {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, NotifyError> {
        let type_of = request.mime_type().map_err(|_| {
            NotifyError::unsupported_media("The Content-Type of the request cannot be read")
        })?;
        Ok(match type_of {
            Some(mime) if mime.essence_str() == "text/csv" => Self::Csv {
                charset: mime.get_param("charset").map(|name| name.to_string()),
            },
            Some(mime) if mime.essence_str() == "multipart/form-data" => Self::Multipart,
            _ => Self::Json,
        })
    }
}

impl Packing {
    pub(super) fn of(request: &HttpRequest) -> Result<Self, NotifyError> {
        let mut packing = Self::None;
        for value in request.headers().get_all(CONTENT_ENCODING) {
            let text = value.to_str().unwrap_or_default().trim();
            packing = match (packing, text.to_ascii_lowercase().as_str()) {
                (_, "" | "identity") => packing,
                (Self::None, "gzip" | "x-gzip") => Self::Gzip,
                _ => {
                    return Err(NotifyError::unsupported_media(
                        "The only Content-Encoding that is read is gzip",
                    ));
                }
            };
        }
        Ok(packing)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::TestRequest;

    use super::*;

    fn form(content_type: &str) -> Form {
        let request = TestRequest::default().insert_header((CONTENT_TYPE, content_type));
        Form::of(&request.to_http_request()).unwrap()
    }

    #[test]
    fn a_form_is_told_by_its_type() {
        assert_eq!(form("Text/CSV"), Form::Csv { charset: None });
        let charset = Some("windows-1252".to_owned());
        assert_eq!(
            form("text/csv; charset=\"windows-1252\""),
            Form::Csv { charset }
        );
        assert_eq!(form("multipart/form-data; boundary=x"), Form::Multipart);
        for json in [
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
        ] {
            assert_eq!(form(json), Form::Json);
        }
        let bare = TestRequest::default().to_http_request();
        assert_eq!(Form::of(&bare).unwrap(), Form::Json);
    }

    #[test]
    fn gzip_is_the_one_packing() {
        let packing = |encoding: &str| {
            let request = TestRequest::default().insert_header((CONTENT_ENCODING, encoding));
            Packing::of(&request.to_http_request()).ok()
        };
        assert_eq!(packing("GZIP"), Some(Packing::Gzip));
        assert_eq!(packing("identity"), Some(Packing::None));
        for unknown in ["br", "deflate", "gzip, gzip"] {
            assert_eq!(packing(unknown), None);
        }
    }
}
