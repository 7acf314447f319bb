//! Where objects are, as settings and rows of jobs name it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use object_store::path::Path;
use url::Url;

use crate::Error;

/// Where objects are. Written back as it is read but for a slash at the end, so that two texts of
/// one location are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `file:///var/lib/carillon/objects`: an absolute path.
    Folder(PathBuf),
    /// `s3://bucket` or `s3://bucket/prefix`.
    Bucket {
        /// The bucket.
        name: String,
        /// What stands before every key, without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |why| Error::NoLocation { why };
        if let Some(path) = text.strip_prefix("file://") {
            return folder(path).map_err(refused);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            return bucket(rest).map_err(refused);
        }
        Err(refused("is neither file:///FOLDER nor s3://BUCKET/PREFIX"))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => match Url::from_file_path(path) {
                Ok(url) => f.write_str(url.as_str()),
                // A path is absolute, or it was not read by `from_str`.
                Err(()) => write!(f, "file://{}", path.display()),
            },
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

fn folder(path: &str) -> Result<Location, &'static str> {
    if !path.starts_with('/') {
        return Err("must be an absolute path after file://, such as file:///var/lib/carillon");
    }
    if path.contains(['?', '#']) {
        return Err("may not have a query or a fragment");
    }
    // The parser would resolve them in silence, escaped ones too.
    let unescaped = path.to_ascii_lowercase().replace("%2e", ".");
    if unescaped.split('/').any(is_dots) {
        return Err("may not have . or .. in its path");
    }
    let url = Url::parse(&format!("file://{path}")).map_err(|_| "is not a URL")?;
    let folder = url.to_file_path().map_err(|()| "is not a path")?;
    if folder.parent().is_none() {
        return Err("may not be the root of the file system");
    }
    // Without empty parts and the slash at the end.
    Ok(Location::Folder(folder.components().collect()))
}

fn bucket(rest: &str) -> Result<Location, &'static str> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let is_bucket = (3..=63).contains(&name.len())
        && name.starts_with(is_plain)
        && name.ends_with(is_plain)
        && name.chars().all(|c| is_plain(c) || c == '-' || c == '.')
        && !name.contains("..");
    if !is_bucket {
        return Err(
            "must name a bucket after s3://: 3 to 63 lower-case letters, digits, dots and hyphens",
        );
    }
    let is_prefix = prefix
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    if !is_prefix || prefix.split('/').any(is_dots) || Path::parse(prefix).is_err() {
        return Err(
            "may have letters, digits, hyphens, dots and underscores between single slashes \
             after the bucket",
        );
    }
    Ok(Location::Bucket {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
    })
}

fn is_dots(part: &str) -> bool {
    part == "." || part == ".."
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Location, String> {
        text.parse().map_err(|error: Error| error.to_string())
    }

    fn bucket(name: &str, prefix: &str) -> Location {
        Location::Bucket {
            name: name.into(),
            prefix: prefix.into(),
        }
    }

    #[test]
    fn folders_and_buckets_are_read_and_written_back() {
        for (text, location, written) in [
            (
                "file:///var/lib/carillon",
                Location::Folder("/var/lib/carillon".into()),
                "file:///var/lib/carillon",
            ),
            (
                "file:///mnt//two%20words/",
                Location::Folder("/mnt/two words".into()),
                "file:///mnt/two%20words",
            ),
            ("s3://mailings", bucket("mailings", ""), "s3://mailings"),
            (
                "s3://mail.ings-1/carillon/prod_1/",
                bucket("mail.ings-1", "carillon/prod_1"),
                "s3://mail.ings-1/carillon/prod_1",
            ),
        ] {
            assert_eq!(read(text), Ok(location), "{text}");
            assert_eq!(read(text).unwrap().to_string(), written);
            assert_eq!(read(written), read(text));
        }
    }

    #[test]
    fn what_is_no_location_is_refused_with_the_reason() {
        for (text, why) in [
            ("postgres", "is neither"),
            ("", "is neither"),
            ("/var/lib/carillon", "is neither"),
            ("https://bucket.s3.amazonaws.com/", "is neither"),
            ("file:///", "root"),
            ("file:////", "root"),
            ("file://var/lib", "absolute"),
            ("file:///a/../etc", ". or .."),
            ("file:///a/%2e%2e/etc", ". or .."),
            ("file:///a?b", "query"),
            ("s3://", "bucket"),
            ("s3:///prefix", "bucket"),
            ("s3://Bucket", "bucket"),
            ("s3://key:secret@bucket", "bucket"),
            ("s3://bucket/a/../b", "slashes"),
            ("s3://bucket/a//b", "slashes"),
            ("s3://bucket/a?region=b", "slashes"),
            ("s3://bucket//", "ok"),
        ] {
            match read(text) {
                Err(error) => assert!(error.contains(why), "{text}: {error}"),
                Ok(location) => assert_eq!(why, "ok", "{text} is {location}"),
            }
        }
    }

    #[test]
    fn an_error_does_not_repeat_a_password_in_the_url() {
        let error = read("s3://key:secret@bucket").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
