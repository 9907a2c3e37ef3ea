//! A file of evidence: what it is, what of it could be read, and which time it covers.

use super::decode::{Decoded, Encoding};
use super::form::Form;
use crate::digest::Digest;
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Read};

/// A file that can be opened. Only the edge of the program touches the file system.
pub trait File: Sync {
    /// Its path, as the user gave it.
    fn path(&self) -> &str;
    /// How many bytes it has.
    fn size(&self) -> u64;
    /// Opens it at its beginning.
    ///
    /// # Errors
    ///
    /// Those of opening.
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>>;
    /// What it is, where that was known when it was asked for: an answer without rows shows nothing of it.
    fn form(&self) -> Option<Form> {
        None
    }
    /// The time that was asked for: all of it is covered, whether anything happened in it or not.
    fn covers(&self) -> Option<(Timestamp, Timestamp)> {
        None
    }
    /// Why it may not be all that was asked for.
    fn doubts(&self) -> Vec<String> {
        Vec::new()
    }
}

/// So much of a file tells what it is, in bytes.
const HEAD: u64 = 64 * 1024;

/// A file, and what it was recognised as.
pub struct Found<'f> {
    /// The file.
    pub file: &'f dyn File,
    /// What it is.
    pub form: Form,
    /// How its characters are encoded.
    pub encoding: Encoding,
    /// How many bytes its mark has.
    mark: usize,
}

impl<'f> Found<'f> {
    /// Its text, from the beginning.
    ///
    /// # Errors
    ///
    /// Those of opening and reading.
    pub fn text(&self) -> io::Result<Decoded<Box<dyn Read + Send + 'f>>> {
        let mut file = self.file.open()?;
        let mut mark = vec![0; self.mark];
        file.read_exact(&mut mark)?;
        Ok(Decoded::new(file, self.encoding))
    }

    /// A report of which nothing is known yet but what it is.
    pub fn report(&self) -> FileReport {
        FileReport {
            path: self.file.path().to_owned(),
            form: self.form,
            encoding: self.encoding.name(),
            bytes: self.file.size(),
            digest: None,
            rows: 0,
            duplicates: 0,
            rejected: Rejected::default(),
            first: None,
            last: None,
            doubts: self.file.doubts(),
        }
    }
}

/// Looks at the beginning of files and says what each is.
///
/// # Errors
///
/// The file that cannot be read, and why.
pub fn survey<'f>(files: &[&'f dyn File]) -> Result<Vec<Found<'f>>, (String, io::Error)> {
    files
        .iter()
        .map(|file| look(*file).map_err(|error| (file.path().to_owned(), error)))
        .collect()
}

fn look(file: &dyn File) -> io::Result<Found<'_>> {
    let mut head = Vec::new();
    file.open()?.take(HEAD).read_to_end(&mut head)?;
    let (encoding, mark) = Encoding::of(&head);
    let mut text = Vec::new();
    let mut decoded = Decoded::new(head.get(mark..).unwrap_or_default(), encoding);
    while decoded.read_into(&mut text, head.len().max(1))? > 0 {}
    Ok(Found {
        file,
        form: file
            .form()
            .unwrap_or_else(|| Form::of(&String::from_utf8_lossy(&text))),
        encoding,
        mark,
    })
}

/// Rows that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// The lines of the first of them.
    pub lines: Vec<usize>,
    /// Why, for the first of them.
    pub why: Option<String>,
}

/// So many lines of rejected rows are named.
const MOST_LINES: usize = 10;

impl Rejected {
    /// Notes a row.
    pub fn note(&mut self, line: usize, why: &str) {
        self.count += 1;
        if self.lines.first().is_none_or(|first| line < *first) {
            self.why = Some(why.to_owned());
        }
        let at = self.lines.partition_point(|own| *own < line);
        if at < MOST_LINES {
            self.lines.insert(at, line);
            self.lines.truncate(MOST_LINES);
        }
    }

    /// Adds what another thread noted.
    pub fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        let why = other.why.unwrap_or_default();
        for line in other.lines {
            self.note(line, &why);
        }
        self.count = count;
    }
}

/// What a file of evidence was found to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FileReport {
    /// Its path, as it was given.
    pub path: String,
    /// What it was recognised as.
    pub form: Form,
    /// How its characters are encoded.
    pub encoding: &'static str,
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 of its bytes, as `sha256sum` prints it; null for a large file outside of a case.
    #[schemars(with = "Option<String>")]
    pub digest: Option<Digest>,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them were there before.
    pub duplicates: u64,
    /// Those that could not be read.
    pub rejected: Rejected,
    /// The earliest time in it.
    #[schemars(with = "Option<String>")]
    pub first: Option<Timestamp>,
    /// The latest time in it.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// Why it may not be all there is.
    pub doubts: Vec<String>,
}

/// Whether a file can be relied on to be all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing says otherwise.
    Whole,
    /// Something does.
    Doubtful,
}

impl FileReport {
    /// Whether it can be relied on to be all. Logs come with a record cut off here and there: one in a thousand is how
    /// they are, and one of a shorter log; those about connectors count apart. More, and any in a short trace, is damage.
    pub fn completeness(&self) -> Completeness {
        let rows = match self.form.is_audit() {
            true => self.rows.max(1000),
            false => self.rows,
        };
        if self.doubts.is_empty() && self.rejected.count * 1000 <= rows {
            Completeness::Whole
        } else {
            Completeness::Doubtful
        }
    }

    /// Widens the window.
    pub fn saw(&mut self, seconds: i64) {
        let Ok(time) = Timestamp::from_second(seconds) else {
            return;
        };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Says where the number of rows is what one answer holds at most: then there was probably more.
    pub fn doubt_limits(&mut self, limits: &[u64]) {
        if limits.contains(&self.rows) {
            self.doubts.push(format!(
                "it has exactly {} rows, which is what one answer holds at most: there may be more",
                self.rows
            ));
        }
    }
}
