//! A file of rows as blocks of whole rows, so that several threads read it and none holds all of it.

pub mod csv;
pub mod fields;
pub mod json;

use super::decode::Decoded;
use fields::{Row, Table};
use std::io::{self, Read};
use std::ops::Range;

/// So much of a file is taken at once, in bytes.
pub const BLOCK: usize = 1 << 18;

/// No row is larger, in bytes: what is has no end.
pub const LARGEST_ROW: usize = 64 << 20;

/// Whole rows, with their place in the file.
#[derive(Debug, Default)]
pub struct Block {
    /// The text.
    pub bytes: Vec<u8>,
    /// Where rows stand in it; empty for CSV.
    pub rows: Vec<Range<usize>>,
    /// Where rows of CSV stand in it, and their fields; not known yet where it is still to be split.
    table: Table,
    /// Whether whoever reads the rows of CSV has to split them first: it can be done side by side, and cutting cannot.
    to_split: bool,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    /// How many bytes of the file it took.
    pub read: usize,
}

impl Block {
    /// The line of the file at a place of the text.
    pub fn line_at(&self, offset: usize) -> usize {
        let before = self.bytes.get(..offset).unwrap_or(&self.bytes);
        self.line + memchr::memchr_iter(b'\n', before).count()
    }

    /// Finds the rows of CSV, where that was left to whoever reads them.
    pub fn split(&mut self) {
        if std::mem::take(&mut self.to_split) {
            self.table.fill(&self.bytes, true);
        }
    }

    /// The rows of CSV, once they are split.
    pub fn table(&self) -> impl Iterator<Item = Row<'_>> {
        self.table.rows(&self.bytes)
    }

    /// The rows of JSON, with the place of each.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], usize)> {
        self.rows.iter().filter_map(|row| {
            let bytes = self.bytes.get(row.clone())?;
            Some((bytes, row.start))
        })
    }
}

/// Cuts a file into blocks.
pub trait Cut {
    /// The next block, in the room of one that is done with; `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of reading, and that a row has no end.
    fn next(&mut self, room: Block) -> io::Result<Option<Block>>;

    /// Does something with every block that is left.
    ///
    /// # Errors
    ///
    /// Those of reading, that a row has no end, and those of the work.
    fn each(&mut self, mut work: impl FnMut(&Block) -> io::Result<()>) -> io::Result<()>
    where
        Self: Sized,
    {
        let mut room = Block::default();
        while let Some(mut block) = self.next(std::mem::take(&mut room))? {
            block.split();
            work(&block)?;
            room = block;
        }
        Ok(())
    }

    /// What the file says of itself around its rows, once it is read: why it may not be all.
    fn doubts(&self) -> Vec<String>;
}

/// What was read of a file and not yet cut.
pub(super) struct Ahead<R> {
    stream: Decoded<R>,
    pub(super) bytes: Vec<u8>,
    pub(super) at_end: bool,
    pub(super) read: usize,
}

impl<R: Read> Ahead<R> {
    pub(super) const fn new(stream: Decoded<R>) -> Self {
        Self {
            stream,
            bytes: Vec::new(),
            at_end: false,
            read: 0,
        }
    }

    /// Reads more; nothing at the end.
    pub(super) fn more(&mut self) -> io::Result<()> {
        if self.bytes.len() > LARGEST_ROW {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a row has more than {} MiB: the file is damaged",
                    LARGEST_ROW >> 20
                ),
            ));
        }
        // More of a long row each time, so that it is not looked at again and again.
        let most = BLOCK.max(self.bytes.len() / 4);
        let read = self.stream.read_into(&mut self.bytes, most)?;
        self.read += read;
        self.at_end = read == 0;
        Ok(())
    }

    /// Hands on what was cut, and keeps the rest, in the room of what is done with.
    pub(super) fn cut(&mut self, end: usize, mut room: Vec<u8>) -> Vec<u8> {
        room.clear();
        room.extend_from_slice(self.bytes.get(end..).unwrap_or_default());
        self.bytes.truncate(end);
        std::mem::replace(&mut self.bytes, room)
    }

    /// Takes what was read from the file since it was asked last.
    pub(super) fn taken(&mut self) -> usize {
        std::mem::take(&mut self.read)
    }
}
