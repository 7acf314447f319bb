//! The rows of a request: read, checked and packed, on a thread that may be busy for seconds.

use std::fmt;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::web::Bytes;
use carillon_core::api_key::KeyType;
use carillon_core::bulk::{
    ChunkWriter, FileReader, FileRefused, OnInvalidRows, RecipientFault, RowCheck,
};
use carillon_core::job_file::{FileError, read_csv, read_json};
use carillon_core::personalisation::Personalisation;
use carillon_core::service::NotAllowed;

use super::super::recipient::{self, RecipientError};
use super::super::template::Parsed;
use super::feed::FedReader;
use crate::auth::Access;
use crate::error::NotifyError;
use crate::jobs::{Held, NoMemory, Payload};

/// Where rows are.
pub(super) enum Rows {
    /// The JSON text of an array of arrays.
    Json(Bytes),
    /// A whole CSV file in UTF-8.
    Csv(Bytes),
}

impl fmt::Debug for Rows {
    /// Without the rows, which are people's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => write!(f, "Json({} bytes)", text.len()),
            Self::Csv(text) => write!(f, "Csv({} bytes)", text.len()),
        }
    }
}

/// What all rows are checked against.
pub(super) struct Check {
    pub access: Arc<Access>,
    pub key_type: KeyType,
    pub template: Arc<Parsed>,
}

/// How rows are read.
pub(super) struct Packer {
    pub check: Check,
    pub on_invalid: OnInvalidRows,
    pub rows_per_chunk: usize,
    /// What the request holds already, in bytes, besides the rows.
    pub n_held: usize,
}

/// Why there are no rows.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// They cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// They cannot be sent.
    #[error(transparent)]
    Refused(#[from] FileRefused),
    /// There is no memory for them.
    #[error("too many jobs are being taken at the same time")]
    NoMemory(#[from] NoMemory),
}

impl From<Refusal> for NotifyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoMemory(_) => Self::unavailable(),
            refusal => Self::bad_request(refusal.to_string()),
        }
    }
}

impl RowCheck for Check {
    fn recipient(&self, given: &str) -> Result<String, RecipientFault> {
        let channel = self.template.row.channel;
        recipient::check(&self.access, self.key_type, channel, given).map_err(|error| match error {
            RecipientError::NotAllowed(why) => {
                RecipientFault::NotAllowed(explanation(why).to_owned())
            }
            RecipientError::Email(_) | RecipientError::Phone(_) => RecipientFault::Invalid,
        })
    }

    fn content(&self, values: &Personalisation) -> Result<(), String> {
        // Whoever reads rows has told what is missing already.
        let checked = self.template.check_filled(values);
        checked.map_err(|error| error.to_string())
    }
}

/// Why no recipient of a list is reached: what follows "You cannot send to these recipients".
const fn explanation(why: NotAllowed) -> &'static str {
    match why {
        NotAllowed::TeamKey => "because you used a team and safelist API key.",
        NotAllowed::Trial => {
            "because your service is in trial mode. You can only send to members of your team and \
             your safelist."
        }
    }
}

impl Packer {
    /// Packs rows that are in memory.
    pub(super) fn pack(self, rows: &Rows, held: &mut Held) -> Result<Payload, Refusal> {
        match rows {
            Rows::Csv(text) => self.pack_csv(&text[..], None, held),
            Rows::Json(text) => {
                let text = std::str::from_utf8(text).map_err(|_| FileError::NotRows)?;
                self.run(held, |each| read_json(text, each))
            }
        }
    }

    /// Packs rows while they come in.
    pub(super) fn pack_fed(
        self,
        reader: FedReader,
        charset: Option<&str>,
        held: &mut Held,
    ) -> Result<Payload, Refusal> {
        self.pack_csv(reader, charset, held)
    }

    fn pack_csv(
        self,
        reader: impl Read,
        charset: Option<&str>,
        held: &mut Held,
    ) -> Result<Payload, Refusal> {
        self.run(held, |each| read_csv(reader, charset, each))
    }

    fn run(
        self,
        held: &mut Held,
        read: impl FnOnce(&mut dyn FnMut(u64, Vec<String>) -> ControlFlow<()>) -> Result<(), FileError>,
    ) -> Result<Payload, Refusal> {
        let template = &self.check.template;
        let (channel, placeholders) = (template.row.channel, template.placeholders().to_vec());
        let mut reader = FileReader::new(channel, placeholders, self.check, self.on_invalid);
        let mut writer = ChunkWriter::new(self.rows_per_chunk);
        let mut n_bad_bytes = 0;
        let mut refusal: Option<Refusal> = None;
        let mut take = |cells: Vec<String>| -> Result<(), Refusal> {
            let n_bytes: usize = cells.iter().map(|cell| cell.len() + 1).sum();
            match reader.push(cells)? {
                Some(row) => writer.push(&row),
                // A bad row, which is kept as it is, or the header.
                None if self.on_invalid == OnInvalidRows::Skip => n_bad_bytes += n_bytes,
                None => {}
            }
            Ok(held.cover_blocking(self.n_held + writer.size() + n_bad_bytes)?)
        };
        read(&mut |_, cells| match take(cells) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                refusal = Some(why);
                ControlFlow::Break(())
            }
        })?;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let read = reader.finish()?;
        Ok(Payload {
            chunks: writer.finish(),
            n_rows: read.n_rows,
            n_invalid_rows: read.n_bad,
            invalid_rows: read.bad_rows,
        })
    }
}

#[cfg(test)]
mod tests;
