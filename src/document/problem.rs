//! A mistake in a file: what, where, what was expected, how to go on.

use crate::finding::Location;
use std::fmt;
use std::ops::Range;

/// Lines longer than this are not quoted: one-line exports can be a hundred megabytes.
const LONGEST_QUOTED_LINE: usize = 240;

/// At most this many mistakes of one file are kept; the rest is counted.
const MOST_PROBLEMS: usize = 50;

/// A file's name and text, from which problems take their place and excerpt.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Path as shown to the user.
    pub path: &'a str,
    /// The whole text.
    pub text: &'a str,
}

impl Source<'_> {
    /// Makes a problem about a range of bytes of the text.
    pub fn problem(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            location: Some(self.location(span.start)),
            path: self.path.to_owned(),
            excerpt: self.excerpt(span),
            label: None,
            help: None,
        }
    }

    /// Line and column of a byte.
    pub fn location(&self, offset: usize) -> Location {
        let before = self.before(offset);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Location {
            path: self.path.to_owned(),
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    /// The byte at which a one-based line and a one-based column, in bytes, begin.
    pub fn offset_of(&self, line: usize, column: usize) -> usize {
        let start: usize = self
            .text
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        (start + column.saturating_sub(1)).min(self.text.len())
    }

    fn before(&self, offset: usize) -> &str {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.get(..end).unwrap_or_default()
    }

    fn excerpt(&self, span: Range<usize>) -> Option<Excerpt> {
        let before = self.before(span.start);
        let start = before.len();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..)?.lines().next()?;
        if line.len() > LONGEST_QUOTED_LINE {
            return None;
        }
        let from = (start - line_start).min(line.len());
        let to = (from + span.len().max(1)).min(line.len()).max(from);
        let to = (to..=line.len()).find(|&end| line.is_char_boundary(end))?;
        Some(Excerpt {
            line: line.to_owned(),
            span: from..to,
        })
    }
}

/// The quoted line of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line without its end.
    pub line: String,
    /// Bytes of the line that the problem is about.
    pub span: Range<usize>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The file.
    pub path: String,
    /// Where in the file; `None` when the whole file is the problem.
    pub location: Option<Location>,
    /// The line it is in, where it is short enough to show.
    pub excerpt: Option<Excerpt>,
    /// What stands beside the marked text.
    pub label: Option<String>,
    /// How to go on.
    pub help: Option<String>,
}

impl Problem {
    /// A problem of a file as a whole: it cannot be opened, it is not text.
    pub fn of_file(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            path: path.into(),
            location: None,
            excerpt: None,
            label: None,
            help: None,
        }
    }

    /// Adds words beside the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds how to go on.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Where it is, as `path` or `path:line:column`.
    pub fn place(&self) -> String {
        self.location
            .as_ref()
            .map_or_else(|| self.path.clone(), ToString::to_string)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

/// All mistakes of one or several files; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Problems {
    list: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a mistake, or only counts it when there are very many.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Adds all mistakes of another file.
    pub fn extend(&mut self, other: Self) {
        self.more += other.more;
        for problem in other.list {
            self.push(problem);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether more would only be counted: then it is not worth finding their places.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST_PROBLEMS
    }

    /// Counts a mistake without keeping it.
    pub fn count_one_more(&mut self) {
        self.more += 1;
    }

    /// The mistakes in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many were found beyond those kept.
    pub fn more(&self) -> usize {
        self.more
    }

    /// The value if there is no mistake.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self {
            list: vec![problem],
            more: 0,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Finds the places of rising offsets in one pass: a file with very many
/// records is not counted through from its start for each of them.
pub struct Walker<'a> {
    source: Source<'a>,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Walker<'a> {
    /// Stands at the first byte.
    pub fn new(source: Source<'a>) -> Self {
        Self {
            source,
            offset: 0,
            line: 1,
            column: 1,
        }
    }

    /// Line and column of a byte, cheapest when offsets rise from call to call.
    pub fn location(&mut self, offset: usize) -> Location {
        if offset < self.offset {
            *self = Self::new(self.source);
        }
        for c in self
            .source
            .text
            .get(self.offset..offset)
            .unwrap_or_default()
            .chars()
        {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset = offset;
        Location {
            path: self.source.path.to_owned(),
            line: self.line,
            column: self.column,
        }
    }
}
