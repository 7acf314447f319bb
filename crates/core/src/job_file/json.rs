//! Rows in the JSON of a request: an array of arrays, header first.

use std::fmt;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;

use super::row::Row;
use super::{Each, FileError, Place};
use crate::personalisation;

/// Reads the JSON text of `rows`. Numbers and booleans become the text they are filled in as, null
/// an empty cell.
///
/// # Errors
/// Says what stopped it, and in which item and cell.
pub fn read_json(rows: &str, each: &mut Each<'_>) -> Result<(), FileError> {
    let mut reader = Reader {
        each,
        row: Row::default(),
        item: 0,
        cell: 0,
        stop: None,
    };
    let mut json = serde_json::Deserializer::from_str(rows);
    let read = Items(&mut reader)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    match (reader.stop.take(), read) {
        (Some(stop), _) => stop.map_or(Ok(()), Err),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if error.is_data() => Err(reader.wrong_type()),
        (None, Err(error)) => Err(FileError::NotJson {
            line: error.line(),
            column: error.column(),
        }),
    }
}

struct Reader<'a, 'b> {
    each: &'a mut Each<'b>,
    row: Row,
    /// Item being read, from 1; 0 before the array.
    item: u64,
    /// Cell being read, from 1; 0 before the item's array.
    cell: usize,
    /// Why no more is wanted: serde carries texts only, so the error itself waits here.
    stop: Option<Option<FileError>>,
}

impl Reader<'_, '_> {
    fn place(&self) -> Place {
        Place::Cell {
            item: self.item,
            cell: self.cell,
        }
    }

    /// The error for a value that is not what its place asks for.
    fn wrong_type(&self) -> FileError {
        match (self.item, self.cell) {
            (0, _) => FileError::NotRows,
            (item, 0) => FileError::NotARow {
                place: Place::Item(item),
            },
            _ => FileError::NotACell {
                place: self.place(),
            },
        }
    }

    fn stop<E: Error>(&mut self, why: Option<FileError>) -> E {
        self.stop = Some(why);
        E::custom("stopped")
    }

    fn take_cell<E: Error>(&mut self, text: &str) -> Result<(), E> {
        let place = self.place();
        let taken = if text.contains('\0') {
            Err(FileError::Nul { place })
        } else {
            let pushed = self.row.push(text, place);
            pushed.and_then(|()| self.row.end_cell(place))
        };
        taken.map_err(|error| self.stop(Some(error)))
    }
}

struct Items<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of arrays")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let reader = self.0;
        loop {
            reader.item += 1;
            reader.cell = 0;
            if items.next_element_seed(Item(reader))?.is_none() {
                return Ok(());
            }
            let Some(cells) = reader.row.end() else {
                continue;
            };
            if let ControlFlow::Break(()) = (reader.each)(reader.item, cells) {
                return Err(reader.stop(None));
            }
        }
    }
}

struct Item<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Item<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        let reader = self.0;
        loop {
            reader.cell += 1;
            if cells.next_element_seed(Cell(reader))?.is_none() {
                return Ok(());
            }
        }
    }
}

struct Cell<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Cell<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Cell<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, number, boolean or null")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.take_cell(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0
            .take_cell(&personalisation::text(&Value::from(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0
            .take_cell(&personalisation::text(&Value::from(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0
            .take_cell(&personalisation::text(&Value::from(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0
            .take_cell(&personalisation::text(&Value::from(value)))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.take_cell("")
    }
}

#[cfg(test)]
mod tests;
