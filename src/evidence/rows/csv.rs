//! CSV, cut where a row ends. A line break inside quotes ends no row.

use super::{Ahead, Block, Cut};
use crate::evidence::decode::Decoded;
use std::io::{self, Read};

/// Cuts CSV; the line with the names of the columns was taken before.
pub struct Csv<R> {
    ahead: Ahead<R>,
    line: usize,
    cut_off: bool,
}

impl<R: Read> Csv<R> {
    /// Reads the names of the columns, and leaves the rows to be cut.
    ///
    /// # Errors
    ///
    /// Those of reading, and that there is no line with names.
    pub fn open(stream: Decoded<R>) -> io::Result<(Vec<String>, Self)> {
        let mut ahead = Ahead::new(stream);
        let mut line = 1;
        loop {
            let end = row_end(&ahead.bytes, ahead.at_end);
            let Some(end) = end else {
                if ahead.at_end {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the file has no rows",
                    ));
                }
                ahead.more()?;
                continue;
            };
            let rest = ahead.bytes.split_off(end);
            let head = std::mem::replace(&mut ahead.bytes, rest);
            line += memchr::memchr_iter(b'\n', &head).count();
            // Windows PowerShell writes the type of its objects first; other tools leave lines empty.
            let text = head.trim_ascii();
            if text.is_empty() || text.starts_with(b"#TYPE") {
                continue;
            }
            let names = fields(text);
            let csv = Self {
                ahead,
                line,
                cut_off: false,
            };
            return Ok((names, csv));
        }
    }
}

impl<R: Read> Cut for Csv<R> {
    fn next(&mut self) -> io::Result<Option<Block>> {
        loop {
            if self.ahead.bytes.len() >= super::BLOCK || self.ahead.at_end {
                let (end, inside) = last_row_end(&self.ahead.bytes);
                let end = if self.ahead.at_end {
                    self.cut_off |= inside;
                    self.ahead.bytes.len()
                } else {
                    end
                };
                if end > 0 {
                    return Ok(Some(self.block(end)));
                }
                if self.ahead.at_end {
                    return Ok(None);
                }
            }
            self.ahead.more()?;
        }
    }

    fn doubts(&self) -> Vec<String> {
        let cut_off = self.cut_off.then(|| "its last row is cut off".to_owned());
        cut_off.into_iter().collect()
    }
}

impl<R: Read> Csv<R> {
    fn block(&mut self, end: usize) -> Block {
        let rest = self.ahead.bytes.split_off(end);
        let bytes = std::mem::replace(&mut self.ahead.bytes, rest);
        let block = Block {
            line: self.line,
            rows: Vec::new(),
            read: self.ahead.taken(),
            bytes,
        };
        self.line += memchr::memchr_iter(b'\n', &block.bytes).count();
        block
    }
}

/// The fields of a row.
pub fn fields(row: &[u8]) -> Vec<String> {
    let mut reader = reader(row);
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => record
            .iter()
            .map(|field| String::from_utf8_lossy(field).trim().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// A reader of whole rows. Rows may be longer or shorter than the names: then they are rejected, one by one.
pub fn reader(rows: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(rows)
}

/// The end of the first row; at the end of the file that is the end of the text.
fn row_end(bytes: &[u8], at_end: bool) -> Option<usize> {
    let mut quotes = Quotes::default();
    for newline in memchr::memchr_iter(b'\n', bytes) {
        quotes.up_to(bytes, newline);
        if !quotes.inside {
            return Some(newline + 1);
        }
    }
    (at_end && !bytes.is_empty()).then_some(bytes.len())
}

/// The end of the last whole row, and whether the text ends inside quotes.
fn last_row_end(bytes: &[u8]) -> (usize, bool) {
    let mut quotes = Quotes::default();
    let mut end = 0;
    // Quotes are few: whole stretches between them lie outside or inside.
    loop {
        let from = quotes.at;
        let next = quotes.step(bytes);
        let stretch_end = next.unwrap_or(bytes.len());
        if !quotes.was_inside
            && let Some(newline) =
                memchr::memrchr(b'\n', bytes.get(from..stretch_end).unwrap_or_default())
        {
            end = from + newline + 1;
        }
        if next.is_none() {
            return (end, quotes.inside);
        }
    }
}

/// Follows quotes as the reader of rows takes them: they begin a field, and doubled ones are text.
#[derive(Default)]
struct Quotes {
    at: usize,
    inside: bool,
    was_inside: bool,
}

impl Quotes {
    /// Goes on to the next quote that opens or closes a field, and says where it is.
    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        self.was_inside = self.inside;
        let mut from = self.at;
        loop {
            let rest = bytes.get(from..)?;
            let quote = from + memchr::memchr(b'"', rest)?;
            if self.inside {
                if bytes.get(quote + 1) == Some(&b'"') {
                    from = quote + 2;
                    continue;
                }
                self.inside = false;
                self.at = quote + 1;
                return Some(quote);
            }
            let opens = quote
                .checked_sub(1)
                .and_then(|before| bytes.get(before))
                .is_none_or(|before| matches!(before, b',' | b'\n' | b'\r'));
            from = quote + 1;
            if opens {
                self.inside = true;
                self.at = quote + 1;
                return Some(quote);
            }
        }
    }

    /// Goes on to a place.
    fn up_to(&mut self, bytes: &[u8], end: usize) {
        let bytes = bytes.get(..end).unwrap_or(bytes);
        while self.step(bytes).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::decode::Encoding;
    use proptest::prelude::*;

    fn rows_of(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = reader(text);
        reader
            .byte_records()
            .filter_map(Result::ok)
            .map(|record| record.iter().map(<[u8]>::to_vec).collect())
            .collect()
    }

    #[test]
    fn columns_come_after_types_and_empty_lines() {
        let text = b"#TYPE Selected.Object\r\n\r\n\"Received\",\"Subject\"\r\n\"a\",\"b\r\nc\"\r\n";
        let (names, mut csv) = Csv::open(Decoded::new(&text[..], Encoding::Utf8)).unwrap();
        assert_eq!(names, ["Received", "Subject"]);
        let block = csv.next().unwrap().unwrap();
        assert_eq!(block.line, 4);
        assert_eq!(rows_of(&block.bytes).len(), 1);
        assert!(csv.next().unwrap().is_none());
        assert!(csv.doubts().is_empty());
    }

    proptest! {
        #[test]
        fn the_last_row_end_splits_no_row(text in "[a\",\n\r ]{0,60}", split in 0usize..60) {
            let bytes = text.as_bytes();
            let head = bytes.get(..split.min(bytes.len())).unwrap_or_default();
            let (end, _) = last_row_end(head);
            let (first, second) = bytes.split_at(end);
            let joined: Vec<_> = rows_of(first).into_iter().chain(rows_of(second)).collect();
            prop_assert_eq!(joined, rows_of(bytes));
        }
    }
}
