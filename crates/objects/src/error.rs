//! What can go wrong, named by what the caller can do about it.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::iter;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};

use crate::credentials::NoCredentials;

/// The result of a call to an object store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why objects cannot be had. No text names what is in an object, a credential or a whole answer of
/// a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a location. It is not repeated: it may hold what was meant to be secret.
    #[error("{why}")]
    NoLocation {
        /// What is wrong, as the end of a sentence that begins with the text.
        why: &'static str,
    },
    /// AWS's settings of this process do not say how to reach the bucket.
    #[error("{0}")]
    Setup(&'static str),
    /// There is no answer, or one that another try may better: keep what you have and try again.
    #[error("the objects' storage is unavailable: {0}")]
    Unavailable(String),
    /// The storage will refuse until somebody changes something about it, such as permissions.
    #[error("the objects' storage refuses: {0}")]
    Refused(String),
    /// An object is larger than any may be.
    #[error("an object of {n_bytes} bytes exceeds the limit of {most}")]
    TooLarge {
        /// Its size.
        n_bytes: u64,
        /// The limit.
        most: u64,
    },
}

impl Error {
    /// Whether trying again later can help without anybody's doing.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// There was no answer within a time.
    pub(crate) fn too_slow(patience: Duration) -> Self {
        Self::Unavailable(format!("no answer within {} ms", patience.as_millis()))
    }

    /// What an error of the library means.
    pub(crate) fn of(error: &object_store::Error) -> Self {
        let first: &(dyn StdError + 'static) = error;
        for cause in iter::successors(Some(first), |&error| error.source()) {
            if let Some(error) = cause.downcast_ref::<NoCredentials>() {
                return error.meaning();
            }
            if let Some(error) = cause.downcast_ref::<HttpError>() {
                return of_transport(error);
            }
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                return Self::of_file(error);
            }
        }
        if matches!(error, object_store::Error::JoinError { .. }) {
            return Self::Unavailable("the process is ending".to_owned());
        }
        of_answer(&Answer::read(&error.to_string()))
    }

    /// What an error of the file system means.
    pub(crate) fn of_file(error: &io::Error) -> Self {
        let reason = format!("in its folder, {error}");
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::FileTooLarge
            | ErrorKind::Unsupported => Self::Refused(reason),
            // A full disk, a server of files that is away, too many open files.
            _ => Self::Unavailable(reason),
        }
    }
}

fn of_transport(error: &HttpError) -> Error {
    let what = match error.kind() {
        HttpErrorKind::Connect => "no connection",
        HttpErrorKind::Timeout => "no answer in time",
        HttpErrorKind::Decode => "an answer that cannot be read",
        _ => "the connection broke",
    };
    // The innermost cause has no address in it: "Connection refused", "UnknownIssuer".
    let cause = iter::successors(error.source(), |&error| error.source()).last();
    Error::Unavailable(match cause {
        Some(cause) => format!("{what} ({cause})"),
        None => what.to_owned(),
    })
}

/// The two parts of an S3 answer that say what is wrong and quote nothing. The library hides them
/// with its type, but for its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    /// The status, if there was an answer that is not a success.
    status: Option<u16>,
    /// S3's word for it.
    code: Option<&'a str>,
}

impl<'a> Answer<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let status = text
            .split_once("status code: ")
            .and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"))
            .map(|(code, _)| code)
            .filter(|code| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric()));
        Self { status, code }
    }

    /// Whether it says that the bucket is there, and the object is not.
    pub(crate) fn says_no_such_key(&self) -> bool {
        self.code == Some("NoSuchKey")
    }
}

fn of_answer(answer: &Answer<'_>) -> Error {
    let reason = match (answer.status, answer.code) {
        (Some(status), Some(code)) => format!("status {status}, {code}"),
        (Some(status), None) => format!("status {status}"),
        (None, Some(code)) => code.to_owned(),
        (None, None) => "an answer that is not S3's".to_owned(),
    };
    let is_passing = matches!(answer.status, Some(408 | 409 | 429 | 500..))
        // What S3 says with 200 or 400 and takes back; a token may be renewed meanwhile.
        || matches!(
            answer.code,
            Some("InternalError" | "SlowDown" | "RequestTimeout" | "ExpiredToken")
        );
    if is_passing {
        Error::Unavailable(reason)
    } else {
        Error::Refused(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_status_and_code_are_read_from_its_text_and_nothing_else() {
        let text = "Generic S3 error: Error performing PUT http://s3/b/k in 1ms - Server returned \
            non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
            <AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>";
        let answer = Answer::read(text);
        assert_eq!(
            answer,
            Answer {
                status: Some(403),
                code: Some("SignatureDoesNotMatch")
            }
        );
        let error = of_answer(&answer).to_string();
        assert_eq!(
            error,
            "the objects' storage refuses: status 403, SignatureDoesNotMatch"
        );
    }

    #[test]
    fn a_code_that_is_no_word_is_not_repeated() {
        for text in ["<Code>a b</Code>", "<Code>", "<Code>x@example.com</Code>"] {
            assert_eq!(Answer::read(text).code, None, "{text}");
        }
    }

    #[test]
    fn what_passes_is_transient_and_what_somebody_must_change_is_not() {
        let transient = |text: &str| of_answer(&Answer::read(text)).is_transient();
        for passing in [
            "status code: 503 Service Unavailable: ",
            "status code: 500 Internal Server Error: ",
            "status code: 429 Too Many Requests: ",
            "status code: 400 Bad Request: <Code>RequestTimeout</Code>",
            "status code: 400 Bad Request: <Code>ExpiredToken</Code>",
            "error response: <Code>SlowDown</Code>",
        ] {
            assert!(transient(passing), "{passing}");
        }
        for lasting in [
            "status code: 403 Forbidden: <Code>AccessDenied</Code>",
            "status code: 404 Not Found: <Code>NoSuchBucket</Code>",
            "status code: 301 Moved Permanently: <Code>PermanentRedirect</Code>",
            "something else",
        ] {
            assert!(!transient(lasting), "{lasting}");
        }
    }

    #[test]
    fn a_full_disk_passes_and_a_missing_permission_does_not() {
        let of = |kind: ErrorKind| Error::of_file(&kind.into());
        assert!(of(ErrorKind::StorageFull).is_transient());
        assert!(of(ErrorKind::StaleNetworkFileHandle).is_transient());
        // Too many open files.
        assert!(Error::of_file(&io::Error::from_raw_os_error(24)).is_transient());
        assert!(!of(ErrorKind::PermissionDenied).is_transient());
        assert!(!of(ErrorKind::ReadOnlyFilesystem).is_transient());
    }
}
