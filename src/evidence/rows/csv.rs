//! CSV, cut where a row ends. A line break inside quotes ends no row.

use super::fields::Table;
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
        loop {
            if let Some((names, end)) = header(&ahead.bytes, ahead.at_end) {
                let head: Vec<u8> = ahead.bytes.drain(..end).collect();
                let csv = Self {
                    ahead,
                    line: 1 + memchr::memchr_iter(b'\n', &head).count(),
                    cut_off: false,
                };
                return Ok((names, csv));
            }
            if ahead.at_end {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the file has no rows",
                ));
            }
            ahead.more()?;
        }
    }
}

/// The names of the columns, and where their line ends.
fn header(bytes: &[u8], at_end: bool) -> Option<(Vec<String>, usize)> {
    let (table, split) = Table::split(bytes, at_end);
    let begins = table.rows(bytes).map(|row| row.begin);
    let ends = table
        .rows(bytes)
        .skip(1)
        .map(|row| row.begin)
        .chain([split.end]);
    begins.zip(ends).find_map(|(begin, end)| {
        let text = bytes.get(begin..end)?.trim_ascii();
        // Windows PowerShell writes the type of its objects first; other tools leave lines empty.
        let names = !text.is_empty() && !text.starts_with(b"#TYPE");
        names.then(|| (fields(text), end))
    })
}

impl<R: Read> Cut for Csv<R> {
    fn next(&mut self) -> io::Result<Option<Block>> {
        loop {
            if self.ahead.bytes.len() >= super::BLOCK || self.ahead.at_end {
                let (table, split) = Table::split(&self.ahead.bytes, self.ahead.at_end);
                self.cut_off |= self.ahead.at_end && split.is_open;
                if split.end > 0 {
                    return Ok(Some(self.block(table, split.end)));
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
    fn block(&mut self, table: Table, end: usize) -> Block {
        let rest = self.ahead.bytes.split_off(end);
        let bytes = std::mem::replace(&mut self.ahead.bytes, rest);
        let block = Block {
            line: self.line,
            rows: Vec::new(),
            table,
            read: self.ahead.taken(),
            bytes,
        };
        self.line += memchr::memchr_iter(b'\n', &block.bytes).count();
        block
    }
}

/// The fields of a row.
pub fn fields(row: &[u8]) -> Vec<String> {
    let (table, _) = Table::split(row, true);
    let first = table.rows(row).next();
    let fields = first.iter().flat_map(|row| row.iter());
    fields
        .map(|field| String::from_utf8_lossy(field).trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::decode::Encoding;

    #[test]
    fn columns_come_after_types_and_empty_lines() {
        let text = b"#TYPE Selected.Object\r\n\r\n\"Received\",\"Subject\"\r\n\"a\",\"b\r\nc\"\r\n";
        let (names, mut csv) = Csv::open(Decoded::new(&text[..], Encoding::Utf8)).unwrap();
        assert_eq!(names, ["Received", "Subject"]);
        let block = csv.next().unwrap().unwrap();
        assert_eq!(block.line, 4);
        assert_eq!(block.table().count(), 1);
        assert!(csv.next().unwrap().is_none());
        assert!(csv.doubts().is_empty());
    }

    #[test]
    fn rows_stand_on_their_lines_whatever_ends_them() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "1,2", "", "\"3\n\",4", "5,6", ""].join(end);
            let (_, mut csv) = Csv::open(Decoded::new(text.as_bytes(), Encoding::Utf8)).unwrap();
            let block = csv.next().unwrap().unwrap();
            let lines: Vec<usize> = block.table().map(|row| block.line_at(row.begin)).collect();
            assert_eq!(lines, [2, 4, 6], "{end:?}");
        }
    }
}
