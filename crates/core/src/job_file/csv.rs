//! CSV (RFC 4180) as people save it.
//!
//! Read here and not with the csv crate, which takes an unclosed quote for a cell that ends with
//! the file, gives no line for a row after blank ones, and holds a record of any length. The tests
//! compare the two.

use std::io::Read;
use std::ops::ControlFlow;

use super::decode::Text;
use super::delimiter::Finder;
use super::row::Row;
use super::{Each, FileError, Place};

/// Reads a file's rows, in memory for one row.
///
/// The text is UTF-8, with a byte order mark or without, UTF-16 with one, or in the charset that
/// is named by a label of the WHATWG (`windows-1252`, `utf-16le`). CRLF, LF and CR end a line. The
/// delimiter is the comma; a semicolon, or else a tab, if the first line has that and no comma.
/// Spaces before a quoted cell are dropped, as Notify does.
///
/// # Errors
/// Says what stopped it, and in which line.
pub fn read_csv(
    input: impl Read,
    charset: Option<&str>,
    each: &mut Each<'_>,
) -> Result<(), FileError> {
    let mut text = Text::new(input, charset)?;
    let mut reader = Reader::FindsDelimiter(Finder::default());
    while let Some(piece) = text.piece()? {
        if reader.read(piece.text, each)?.is_break() {
            return Ok(());
        }
        if let Some(charset) = piece.broken_off {
            let line = reader.line();
            return Err(FileError::NotText { line, charset });
        }
    }
    reader.finish(each)
}

enum Reader {
    FindsDelimiter(Finder),
    Reads(Box<Rows>),
}

impl Reader {
    fn read(&mut self, text: &str, each: &mut Each<'_>) -> Result<ControlFlow<()>, FileError> {
        match self {
            Self::FindsDelimiter(finder) => {
                let Some(delimiter) = finder.push(text) else {
                    return Ok(ControlFlow::Continue(()));
                };
                let seen = std::mem::take(finder).into_seen();
                let mut rows = Box::new(Rows::new(delimiter));
                let flow = rows.read(&seen, each);
                *self = Self::Reads(rows);
                flow
            }
            Self::Reads(rows) => rows.read(text, each),
        }
    }

    fn finish(self, each: &mut Each<'_>) -> Result<(), FileError> {
        match self {
            Self::FindsDelimiter(finder) => {
                let mut rows = Rows::new(finder.delimiter());
                match rows.read(&finder.into_seen(), each)? {
                    ControlFlow::Continue(()) => rows.finish(each),
                    ControlFlow::Break(()) => Ok(()),
                }
            }
            Self::Reads(rows) => rows.finish(each),
        }
    }

    fn line(&self) -> u64 {
        match self {
            Self::FindsDelimiter(finder) => finder.line(),
            Self::Reads(rows) => rows.line,
        }
    }
}

/// Text → rows. Knows one row and the place in it.
struct Rows {
    delimiter: u8,
    state: State,
    row: Row,
    /// Line being read, from 1.
    line: u64,
    /// Line in which the row began.
    begin: u64,
    /// Line of the last opening quote.
    quote: u64,
    /// A line feed now belongs to the carriage return before it.
    after_cr: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the line was read.
    RowBegins,
    /// After a delimiter.
    CellBegins,
    /// Nothing but spaces so far: a quote opens the cell.
    Spaces,
    /// In a cell without quotes, or behind one's closing quote.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote in a quoted cell: its end, or the first of two that stand for one.
    QuoteInQuoted,
}

impl Rows {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::RowBegins,
            row: Row::default(),
            line: 1,
            begin: 1,
            quote: 1,
            after_cr: false,
        }
    }

    fn read(&mut self, mut text: &str, each: &mut Each<'_>) -> Result<ControlFlow<()>, FileError> {
        let delimiter = self.delimiter;
        let is_mark = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n' | b'\0');
        while !text.is_empty() {
            // Marks are ASCII, so a piece between two of them is whole characters.
            let plain = text.bytes().position(is_mark).unwrap_or(text.len());
            if plain > 0 {
                self.plain(&text[..plain])?;
            }
            let Some(mark) = text.as_bytes().get(plain) else {
                break;
            };
            if self.mark(*mark, &text[plain..=plain], each)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            text = &text[plain + 1..];
        }
        Ok(ControlFlow::Continue(()))
    }

    fn plain(&mut self, text: &str) -> Result<(), FileError> {
        self.after_cr = false;
        self.begin_row();
        let are_spaces = || text.bytes().all(|byte| byte == b' ');
        self.state = match self.state {
            State::Quoted => State::Quoted,
            State::RowBegins | State::CellBegins | State::Spaces if are_spaces() => State::Spaces,
            _ => State::Plain,
        };
        self.row.push(text, Place::Line(self.begin))
    }

    /// Takes a mark, `text` being the same.
    fn mark(
        &mut self,
        mark: u8,
        text: &str,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, FileError> {
        let is_crlf = std::mem::replace(&mut self.after_cr, mark == b'\r') && mark == b'\n';
        let is_line_end = matches!(mark, b'\r' | b'\n');
        if mark == b'\0' {
            let place = Place::Line(self.line);
            return Err(FileError::Nul { place });
        }
        let line = self.line;
        if is_line_end && !is_crlf {
            self.line += 1;
        }
        match self.state {
            State::Quoted if mark == b'"' => self.state = State::QuoteInQuoted,
            State::Quoted => self.row.push(text, Place::Line(self.begin))?,
            _ if is_crlf => {}
            State::RowBegins if is_line_end => {}
            _ if is_line_end => return self.end_row(each),
            _ if mark == b'"' => self.quote(line)?,
            _ => {
                self.begin_row();
                self.row.end_cell(Place::Line(self.begin))?;
                self.state = State::CellBegins;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A quote outside of quotes.
    fn quote(&mut self, line: u64) -> Result<(), FileError> {
        self.begin_row();
        match self.state {
            State::QuoteInQuoted | State::Plain => {
                if self.state == State::QuoteInQuoted {
                    self.state = State::Quoted;
                }
                self.row.push("\"", Place::Line(self.begin))
            }
            _ => {
                self.row.clear_cell();
                self.quote = line;
                self.state = State::Quoted;
                Ok(())
            }
        }
    }

    fn begin_row(&mut self) {
        if self.state == State::RowBegins {
            self.begin = self.line;
        }
    }

    fn end_row(&mut self, each: &mut Each<'_>) -> Result<ControlFlow<()>, FileError> {
        self.state = State::RowBegins;
        self.row.end_cell(Place::Line(self.begin))?;
        let cells = self.row.end();
        Ok(cells.map_or(ControlFlow::Continue(()), |cells| each(self.begin, cells)))
    }

    fn finish(mut self, each: &mut Each<'_>) -> Result<(), FileError> {
        match self.state {
            State::RowBegins => Ok(()),
            State::Quoted => Err(FileError::UnclosedQuote { line: self.quote }),
            _ => self.end_row(each).map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests;
