//! Payloads of jobs as objects: files of a folder, or objects of a bucket of S3 or of what speaks as
//! S3 does.
//!
//! [`Objects`] is the port: it is opened for a [`Location`] and holds objects by their [`Key`]. An
//! object is whole or not there, and stays where it is until its job is removed. Every call has its
//! deadline inside, so a caller may await it plainly.
//!
//! What the folder needs: all processes see it, such as one file system of one machine or NFS. What
//! is written is on disk when [`Objects::put`] returns: file and folders are synced. What the bucket
//! needs: the permissions `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject` and `s3:ListBucket`;
//! without the last, S3 answers "denied" where it means "not there".
//!
//! This crate knows neither the database nor the broker, nor what is in a payload.

mod account;
mod bucket;
mod credentials;
mod error;
mod folder;
mod key;
mod location;
mod objects;

pub use error::{Error, Result};
pub use key::Key;
pub use location::Location;
pub use objects::{LARGEST_BYTES, Objects, StoredJob};
