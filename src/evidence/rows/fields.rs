//! Rows of CSV and their fields, as pieces of the text: ten million rows are split here, and few of their fields read.
//!
//! What quotes mean is what the `csv` crate says; the tests hold this to it.

use memchr::{memchr, memchr3, memrchr};
use std::ops::Range;

/// Where rows stand in a text, and what fields they have.
#[derive(Debug, Default)]
pub struct Table {
    /// Where each row begins, and which fields are its.
    rows: Vec<(usize, Range<usize>)>,
    fields: Vec<Field>,
    /// Fields that are no piece of the text, as quotes in them are doubled.
    copies: Vec<u8>,
}

/// Where a field stands. No text is longer than such a number: rows have an end.
#[derive(Clone, Copy, Debug)]
enum Field {
    Text(u32, u32),
    Copy(u32, u32),
}

/// A row of a table.
#[derive(Clone, Copy)]
pub struct Row<'b> {
    bytes: &'b [u8],
    copies: &'b [u8],
    fields: &'b [Field],
    /// Where it begins in the text.
    pub begin: usize,
}

impl<'b> Row<'b> {
    /// How many fields it has.
    pub const fn count(&self) -> usize {
        self.fields.len()
    }

    /// A field.
    pub fn get(&self, place: usize) -> Option<&'b [u8]> {
        match *self.fields.get(place)? {
            Field::Text(begin, end) => self.bytes.get(begin as usize..end as usize),
            Field::Copy(begin, end) => self.copies.get(begin as usize..end as usize),
        }
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = &'b [u8]> {
        (0..self.count()).filter_map(|place| self.get(place))
    }
}

/// What became of a text that was split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Where the last whole row ends.
    pub end: usize,
    /// Whether the text ends inside quotes.
    pub is_open: bool,
}

impl Table {
    /// The rows of a text that was split into this table.
    pub fn rows<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = Row<'b>> {
        self.rows.iter().map(move |(begin, fields)| Row {
            bytes,
            copies: &self.copies,
            fields: self.fields.get(fields.clone()).unwrap_or_default(),
            begin: *begin,
        })
    }

    /// How many fields the last row has.
    pub fn last_count(&self) -> Option<usize> {
        self.rows.last().map(|(_, fields)| fields.len())
    }

    /// Splits a text into its whole rows. What stands behind the last line break is one where the text is all there is.
    pub fn split(bytes: &[u8], is_all: bool) -> (Self, Split) {
        let mut table = Self::default();
        let split = table.fill(bytes, is_all);
        (table, split)
    }

    /// The same, in the room of what the table held.
    pub fn fill(&mut self, bytes: &[u8], is_all: bool) -> Split {
        self.rows.clear();
        self.fields.clear();
        self.copies.clear();
        let mut splitter = Splitter {
            table: self,
            bytes,
            at: 0,
            open: false,
        };
        let mut end = 0;
        while splitter.row() {
            end = splitter.at;
        }
        let is_open = splitter.open;
        let newline = memrchr(b'\n', bytes.get(end..).unwrap_or_default());
        let end = match newline {
            _ if is_all => bytes.len(),
            Some(newline) => end + newline + 1,
            None => self.rows.pop().map_or(0, |(begin, _)| begin),
        };
        Split { end, is_open }
    }
}

struct Splitter<'t, 'b> {
    table: &'t mut Table,
    bytes: &'b [u8],
    at: usize,
    /// Whether the text ended before a quote did.
    open: bool,
}

impl<'b> Splitter<'_, 'b> {
    /// Goes behind the next row, before its line break; `false` where there is none.
    fn row(&mut self) -> bool {
        while let Some(b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
        let begin = self.at;
        if begin >= self.bytes.len() {
            return false;
        }
        let first = self.table.fields.len();
        loop {
            let field = match self.bytes.get(self.at) {
                Some(b'"') => self.quoted(),
                _ => text(self.rest_of_field()),
            };
            self.table.fields.push(field);
            if self.bytes.get(self.at) != Some(&b',') {
                self.table
                    .rows
                    .push((begin, first..self.table.fields.len()));
                return true;
            }
            self.at += 1;
        }
    }

    fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Up to where a field ends that no quotes hold together.
    fn rest_of_field(&mut self) -> Range<usize> {
        let begin = self.at;
        let rest = self.rest();
        self.at += memchr3(b',', b'\n', b'\r', rest).unwrap_or(rest.len());
        begin..self.at
    }

    /// Up to the next quote, or the end of the text; goes on behind it.
    fn quoted_part(&mut self) -> Range<usize> {
        let begin = self.at;
        let rest = self.rest();
        let Some(length) = memchr(b'"', rest) else {
            self.open = true;
            self.at = self.bytes.len();
            return begin..self.at;
        };
        self.at = begin + length + 1;
        begin..begin + length
    }

    fn quoted(&mut self) -> Field {
        self.at += 1;
        let range = self.quoted_part();
        if let None | Some(b',' | b'\n' | b'\r') = self.bytes.get(self.at) {
            return text(range);
        }
        // Doubled quotes are one of the text; what stands behind the closing one belongs to the field as well.
        let begin = self.table.copies.len();
        self.copy(range);
        while self.bytes.get(self.at) == Some(&b'"') {
            // The quote that is kept, and what stands behind it.
            let quote = self.at;
            self.at += 1;
            let end = self.quoted_part().end;
            self.copy(quote..end);
        }
        let range = self.rest_of_field();
        self.copy(range);
        Field::Copy(short(begin), short(self.table.copies.len()))
    }

    fn copy(&mut self, range: Range<usize>) {
        self.table
            .copies
            .extend_from_slice(self.bytes.get(range).unwrap_or_default());
    }
}

fn text(range: Range<usize>) -> Field {
    Field::Text(short(range.start), short(range.end))
}

fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_csv(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let rows = reader.byte_records().filter_map(Result::ok);
        rows.map(|row| row.iter().map(<[u8]>::to_vec).collect())
            .collect()
    }

    fn split(bytes: &[u8], is_all: bool) -> (Vec<Vec<Vec<u8>>>, Split) {
        let (table, split) = Table::split(bytes, is_all);
        let rows = table
            .rows(bytes)
            .map(|row| row.iter().map(<[u8]>::to_vec).collect())
            .collect();
        (rows, split)
    }

    proptest! {
        #[test]
        fn rows_and_fields_are_those_of_the_csv_crate(text in "[a\",\n\r ]{0,60}") {
            prop_assert_eq!(split(text.as_bytes(), true).0, by_csv(text.as_bytes()));
        }

        #[test]
        fn wherever_a_text_is_cut_its_rows_are_the_same(text in "[a\",\n\r ]{0,60}", cut in 0usize..60) {
            let bytes = text.as_bytes();
            let (mut rows, first) = split(&bytes[..cut.min(bytes.len())], false);
            let (others, last) = split(&bytes[first.end..], true);
            rows.extend(others);
            prop_assert_eq!(rows, by_csv(bytes));
            prop_assert_eq!(last.is_open, split(bytes, true).1.is_open);
        }

        #[test]
        fn a_text_is_open_where_a_line_break_ends_no_row(text in "[a\",\n\r ]{0,60}") {
            let with = |more: &str| by_csv(format!("{text}{more}").as_bytes()).len();
            prop_assert_eq!(split(text.as_bytes(), true).1.is_open, with("\na") == with(""));
        }
    }
}
