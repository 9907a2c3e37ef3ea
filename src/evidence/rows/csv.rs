//! CSV, cut where a row ends. A line break inside quotes ends no row.

use super::fields::Table;
use super::{Ahead, Block, Cut};
use crate::evidence::decode::Decoded;
use std::io::{self, Read};

/// Cuts CSV; the line with the names of the columns was taken before.
pub struct Csv<R> {
    ahead: Ahead<R>,
    line: usize,
    columns: usize,
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
                    columns: names.len(),
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
    fn next(&mut self, mut room: Block) -> io::Result<Option<Block>> {
        loop {
            let is_enough = self.ahead.bytes.len() >= super::BLOCK;
            room.to_split = is_enough && !self.ahead.at_end;
            if room.to_split
                && let Some(end) = certain_end(&self.ahead.bytes)
            {
                return Ok(Some(self.block(room, end)));
            }
            room.to_split = false;
            if is_enough || self.ahead.at_end {
                let split = room.table.fill(&self.ahead.bytes, self.ahead.at_end);
                let is_last = self.ahead.at_end && !self.ahead.bytes.is_empty();
                let is_short = room
                    .table
                    .last_count()
                    .is_some_and(|count| count < self.columns);
                self.cut_off |= is_last && (split.is_open || is_short);
                if split.end > 0 {
                    return Ok(Some(self.block(room, split.end)));
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
    fn block(&mut self, room: Block, end: usize) -> Block {
        let block = Block {
            bytes: self.ahead.cut(end, room.bytes),
            line: self.line,
            read: self.ahead.taken(),
            ..room
        };
        self.line += memchr::memchr_iter(b'\n', &block.bytes).count();
        block
    }
}

/// So many line breaks from the end of a text are looked at.
const MOST_LINES: usize = 64;

/// Behind the last line break that certainly ends a row, whatever stands before: the quote before it opens no field, as
/// something else of the field stands before that, and is no half of a doubled one. So it closes a field, or is a part
/// of one without quotes.
fn certain_end(text: &[u8]) -> Option<usize> {
    memchr::memrchr_iter(b'\n', text)
        .take(MOST_LINES)
        .find(|end| {
            let line = text.get(..*end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            matches!(line, [.., before, b'"'] if !matches!(before, b'"' | b',' | b'\n' | b'\r'))
        })
        .map(|end| end + 1)
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_certain_end_is_the_end_of_a_row_whatever_stands_before(text in "[a\",\n\r ]{0,60}") {
            let bytes = text.as_bytes();
            let rows = |bytes: &[u8]| -> Vec<Vec<Vec<u8>>> {
                let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
                let rows = reader.byte_records().map(Result::unwrap);
                rows.map(|row| row.iter().map(<[u8]>::to_vec).collect()).collect()
            };
            if let Some(end) = certain_end(bytes) {
                let mut parts = rows(&bytes[..end]);
                parts.extend(rows(&bytes[end..]));
                prop_assert_eq!(parts, rows(bytes));
            }
        }
    }

    proptest! {
        // Each is larger than a block.
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn large_files_have_the_rows_of_the_csv_crate(rows in prop::collection::vec("[a-c\"\n]{0,40}", 1..40), quoted: bool) {
            let style = if quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
            writer.write_record(["number", "text"]).unwrap();
            let mut expected = 0;
            for number in 0..super::super::BLOCK / 200 {
                for row in &rows {
                    writer.write_record([number.to_string().as_str(), row]).unwrap();
                    expected += 1;
                }
            }
            let text = writer.into_inner().unwrap();
            let (_, mut own) = Csv::open(Decoded::new(&text[..], Encoding::Utf8)).unwrap();
            let mut others = csv::Reader::from_reader(&text[..]);
            let mut others = others.byte_records();
            let mut count = 0;
            own.each(|block| {
                for row in block.table() {
                    let other = others.next().unwrap().unwrap();
                    assert!(row.iter().eq(other.iter()));
                    count += 1;
                }
                Ok(())
            }).unwrap();
            prop_assert_eq!(count, expected);
        }
    }

    #[test]
    fn columns_come_after_types_and_empty_lines() {
        let text = b"#TYPE Selected.Object\r\n\r\n\"Received\",\"Subject\"\r\n\"a\",\"b\r\nc\"\r\n";
        let (names, mut csv) = Csv::open(Decoded::new(&text[..], Encoding::Utf8)).unwrap();
        assert_eq!(names, ["Received", "Subject"]);
        let block = csv.next(Block::default()).unwrap().unwrap();
        assert_eq!(block.line, 4);
        assert_eq!(block.table().count(), 1);
        assert!(csv.next(block).unwrap().is_none());
        assert!(csv.doubts().is_empty());
    }

    #[test]
    fn rows_stand_on_their_lines_whatever_ends_them() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "1,2", "", "\"3\n\",4", "5,6", ""].join(end);
            let (_, mut csv) = Csv::open(Decoded::new(text.as_bytes(), Encoding::Utf8)).unwrap();
            let block = csv.next(Block::default()).unwrap().unwrap();
            let lines: Vec<usize> = block.table().map(|row| block.line_at(row.begin)).collect();
            assert_eq!(lines, [2, 4, 6], "{end:?}");
        }
    }
}
