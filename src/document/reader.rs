//! Turns YAML nodes into values and collects every mistake on the way.
//!
//! Each method returns `None` after noting what is wrong, so that reading goes
//! on and one run shows all mistakes of a file.

use super::problem::{Problem, Problems, Source};
use super::time;
use super::yaml::{Content, Key, Node};
use crate::caseless;
use crate::connector::value::Raw;
use crate::digest::Digest;
use crate::finding::Location;
use jiff::{SignedDuration, Timestamp};
use std::cell::RefCell;
use std::ops::Range;

/// `apiVersion` of every document that this version writes and reads.
pub const API_VERSION: &str = "connguard/v1";

/// Reads one file and keeps its problems.
pub struct Reader<'s> {
    source: Source<'s>,
    problems: RefCell<Problems>,
}

impl<'s> Reader<'s> {
    /// A reader of one file.
    pub fn new(source: Source<'s>) -> Self {
        Self {
            source,
            problems: RefCell::default(),
        }
    }

    /// The file that is read.
    pub fn source(&self) -> Source<'s> {
        self.source
    }

    /// The place of a node or key.
    pub fn location(&self, (line, column): (usize, usize)) -> Location {
        Location {
            path: self.source.path.to_owned(),
            line,
            column,
        }
    }

    /// Parses the whole file; notes what is wrong with its grammar.
    pub fn parse(&self) -> Option<Node> {
        Node::parse(self.source)
            .map_err(|problem| self.note(problem))
            .ok()
    }

    /// Notes a problem.
    pub fn note(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes a problem about a range of bytes.
    pub fn wrong(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if self.problems.borrow().is_full() {
            self.problems.borrow_mut().count_one_more();
        } else {
            self.note(self.source.problem(span, message).help(help));
        }
    }

    /// Ends reading: the value, or everything that was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problems> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() && value.is_none() {
            problems.push(Problem::of_file(
                self.source.path,
                "the file could not be read",
            ));
        }
        problems.into_result(value)
    }

    /// The fields of a mapping; `what` names it in messages ("a rule").
    pub fn fields<'n>(&self, node: &'n Node, what: &'static str) -> Option<Fields<'_, 's, 'n>> {
        match &node.content {
            Content::Map(entries) => Some(Fields {
                reader: self,
                entries,
                taken: vec![false; entries.len()],
                known: Vec::new(),
                span: node.span.clone(),
                what,
            }),
            _ => self.expected(node, what, "write `key: value` lines"),
        }
    }

    /// A text that is not empty.
    pub fn text(&self, node: &Node) -> Option<String> {
        match &node.content {
            Content::Text(text) if text.trim().is_empty() => {
                self.wrong(
                    node.span.clone(),
                    "this is still to be filled in",
                    "write a text, or take the whole entry out",
                );
                None
            }
            Content::Text(text) => Some(text.clone()),
            Content::Integer(_) | Content::Float(_) | Content::Boolean(_) => {
                self.expected(node, "a text", "put it in quotes")
            }
            _ => self.expected(
                node,
                "a text",
                "write it in one line, in quotes if it holds `: ` or `#`",
            ),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, node: &Node) -> Option<bool> {
        match node.content {
            Content::Boolean(value) => Some(value),
            _ => self.expected(
                node,
                "true or false",
                "write `true` or `false`, without quotes",
            ),
        }
    }

    /// A whole number of at least `least`.
    pub fn number(&self, node: &Node, least: u64) -> Option<u64> {
        match node.content {
            Content::Integer(number) if number >= i128::from(least) => u64::try_from(number).ok(),
            _ => self.expected(
                node,
                &format!("a whole number of at least {least}"),
                "write it in digits, without quotes",
            ),
        }
    }

    /// An RFC 3339 time.
    pub fn time(&self, node: &Node) -> Option<Timestamp> {
        let text = self.text(node)?;
        time::parse_time(&text).or_else(|| {
            self.expected(
                node,
                "a time with offset",
                "write it like 2026-11-20T09:00:00Z",
            )
        })
    }

    /// A positive duration.
    pub fn duration(&self, node: &Node) -> Option<SignedDuration> {
        let text = self.text(node)?;
        time::parse_duration(&text)
            .or_else(|| self.expected(node, "a duration", "write it like 24h, 90m or 7d 12h"))
    }

    /// A digest.
    pub fn digest(&self, node: &Node) -> Option<Digest> {
        let text = self.text(node)?;
        Digest::parse(&text).or_else(|| {
            self.expected(
                node,
                "a digest",
                "write `sha256:` and 64 hexadecimal digits, as `sha256sum FILE` prints them",
            )
        })
    }

    /// The items of a list.
    pub fn items<'n>(&self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.content {
            Content::List(items) => Some(items),
            _ => self.expected(node, "a list", "write `[a, b]` or `- a` lines"),
        }
    }

    /// A list whose items are all read, each noting its own mistakes.
    pub fn list<T>(
        &self,
        node: &Node,
        mut item: impl FnMut(&Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.items(node)?;
        let read: Vec<Option<T>> = items.iter().map(|node| item(self, node)).collect();
        read.into_iter().collect()
    }

    /// A list of texts.
    pub fn texts(&self, node: &Node) -> Option<Vec<String>> {
        self.list(node, Self::text)
    }

    /// The entries of a mapping with free keys, each value read.
    pub fn entries<T>(
        &self,
        node: &Node,
        what: &'static str,
        mut value: impl FnMut(&Self, &Key, &Node) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let Content::Map(entries) = &node.content else {
            return self.expected(node, what, "write `key: value` lines");
        };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|(key, node)| Some((key.name.clone(), value(self, key, node)?)))
            .collect();
        read.into_iter().collect()
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let names = || {
            choices
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match &node.content {
            Content::Text(text) => choices
                .iter()
                .find(|(name, _)| name == text)
                .map(|(_, value)| *value)
                .or_else(|| {
                    self.wrong(
                        node.span.clone(),
                        format!("{text:?} is not known here"),
                        format!("one of {}", names()),
                    );
                    None
                }),
            _ => self.expected(node, "a word", &format!("one of {}", names())),
        }
    }

    /// Notes that something else was expected.
    pub fn expected<T>(&self, node: &Node, what: &str, help: &str) -> Option<T> {
        self.wrong(
            node.span.clone(),
            format!("expected {what}, found {}", node.describe()),
            help,
        );
        None
    }
}

/// The fields of one mapping. Those that nobody asked for are mistakes.
pub struct Fields<'r, 's, 'n> {
    reader: &'r Reader<'s>,
    entries: &'n [(Key, Node)],
    taken: Vec<bool>,
    known: Vec<&'static str>,
    span: Range<usize>,
    what: &'static str,
}

impl<'n> Fields<'_, '_, 'n> {
    /// A field that may be left out.
    pub fn optional(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        let index = self.entries.iter().position(|(key, _)| key.name == name)?;
        if let Some(taken) = self.taken.get_mut(index) {
            *taken = true;
        }
        self.entries.get(index).map(|(_, node)| node)
    }

    /// A field that must be there.
    pub fn required(&mut self, name: &'static str) -> Option<&'n Node> {
        let found = self.optional(name);
        if found.is_none() {
            let start = self
                .entries
                .first()
                .map_or_else(|| self.span.clone(), |(key, _)| key.span.clone());
            self.reader.wrong(
                start,
                format!("`{name}` is missing in {}", self.what),
                format!("add `{name}:`"),
            );
        }
        found
    }

    /// The place of the mapping.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Checks `apiVersion` and `kind`.
    pub fn header(&mut self, kind: &str) {
        for (name, wanted) in [("apiVersion", API_VERSION), ("kind", kind)] {
            if let Some(node) = self.required(name)
                && !matches!(&node.content, Content::Text(text) if text == wanted)
            {
                self.reader.wrong(
                    node.span.clone(),
                    format!("expected `{name}: {wanted}`, found {}", node.describe()),
                    format!("write `{name}: {wanted}`; a newer file needs a newer connguard"),
                );
            }
        }
    }

    /// Notes every field that nobody asked for, with the nearest known name.
    pub fn finish(self) {
        for ((key, _), taken) in self.entries.iter().zip(&self.taken) {
            if !taken {
                let help = match nearest(&key.name, self.known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", self.known.join(", ")),
                };
                self.reader.wrong(
                    key.span.clone(),
                    format!("`{}` is not known in {}", key.name, self.what),
                    help,
                );
            }
        }
    }
}

/// The candidate most like a word that somebody mistyped.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let scored = candidates.into_iter().map(|candidate| {
        (
            strsim::jaro_winkler(&caseless::lower(word), &caseless::lower(candidate)),
            candidate,
        )
    });
    scored
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A setting's value as a person wrote it.
impl From<&Node> for Raw {
    fn from(node: &Node) -> Self {
        match &node.content {
            Content::Null => Self::Null,
            Content::Boolean(value) => Self::Boolean(*value),
            Content::Integer(number) => Self::Number(number.to_string()),
            Content::Float(number) => Self::Number(number.to_string()),
            Content::Text(text) => Self::Text(text.clone()),
            Content::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Content::Map(_) => Self::Object,
        }
    }
}
