//! YAML as a tree of nodes, each with its place in the file.
//!
//! The only door to the YAML crate, which finds the events of a document; what a
//! plain scalar means is settled here, by YAML 1.2 and more strictly: words such
//! as `no` and `on`, and numbers with leading zeros or underscores, are texts.
//! Input is bounded in nodes, depth and aliases; duplicate keys, merge keys and
//! tags are refused. A test holds the result against another reader of YAML.

use super::problem::{Problem, Source};
use crate::finding::excerpt;
use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// The largest YAML document that is read, in bytes.
pub const LARGEST_DOCUMENT: usize = 16 * 1024 * 1024;
/// More values than any such file has reason to hold, those that aliases repeat included.
const MOST_NODES: usize = 250_000;
/// So many bytes of text count as one value more.
const WEIGHT: usize = 100;
/// Deeper than any such file has reason to be.
const DEEPEST: usize = 32;
/// At most this many aliases are followed.
const MOST_ALIASES: usize = 100;

/// A value of a YAML document with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Its line and column, from one.
    pub place: (usize, usize),
}

/// What a node can be.
#[derive(Clone, Debug)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A text, quoted or plain.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// The key of a mapping with its place.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Its line and column, from one.
    pub place: (usize, usize),
}

impl Node {
    /// Reads one YAML document.
    pub fn parse(source: Source<'_>) -> Result<Self, Problem> {
        if source.text.len() > LARGEST_DOCUMENT {
            return Err(Problem::of_file(
                source.path,
                format!("the file is larger than {} MiB", LARGEST_DOCUMENT >> 20),
            )
            .help("split it, or take out what does not belong there"));
        }
        let mut tree = Tree::new(source);
        tree.document().map_err(|(span, message)| {
            source
                .problem(span, message)
                .help("the file must be YAML 1.2; see `connguard schema` for its grammar")
        })
    }

    /// Names what the node is, for error messages.
    pub fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::Boolean(value) => value.to_string(),
            Content::Integer(number) => format!("the number {number}"),
            Content::Float(number) => format!("the number {number}"),
            Content::Text(text) => format!("the text {:?}", excerpt(text)),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// What is wrong, and where.
type Wrong = (Range<usize>, String);

/// One event and its place.
struct Found<'s> {
    event: Event<'s>,
    span: Range<usize>,
    place: (usize, usize),
}

/// Builds the tree of one document from its events.
struct Tree<'s> {
    source: Source<'s>,
    events: Parser<'s, StrInput<'s>>,
    /// Nodes that have been given a name, with how many nodes each stands for.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    aliases: usize,
}

impl<'s> Tree<'s> {
    fn new(source: Source<'s>) -> Self {
        Self {
            source,
            events: Parser::new_from_str(source.text),
            anchors: HashMap::new(),
            nodes: 0,
            aliases: 0,
        }
    }

    /// The only document of the file; a file without one holds nothing.
    fn document(&mut self) -> Result<Node, Wrong> {
        let mut root = None;
        loop {
            let found = self.next()?;
            match found.event {
                Event::StreamEnd => {
                    let nothing = Node {
                        content: Content::Null,
                        span: 0..0,
                        place: (1, 1),
                    };
                    return Ok(root.unwrap_or(nothing));
                }
                Event::DocumentStart(..) if root.is_some() => {
                    return Err((found.span, "the file holds several documents".to_owned()));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ => root = Some(self.node(found, 0)?),
            }
        }
    }

    /// The next event that is not a comment.
    fn next(&mut self) -> Result<Found<'s>, Wrong> {
        loop {
            let (event, span) = match self.events.next() {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Err(self.malformed(&error)),
                None => return Err((0..0, "the file ends too early".to_owned())),
            };
            // The crate gives offsets in bytes wherever it reads a text.
            let start = span.start.byte_offset().unwrap_or_default();
            let found = Found {
                event,
                span: start..span.end.byte_offset().unwrap_or(start).max(start),
                place: (span.start.line().max(1), span.start.col() + 1),
            };
            if !matches!(found.event, Event::Comment(..)) {
                return Ok(found);
            }
        }
    }

    fn malformed(&self, error: &ScanError) -> Wrong {
        let length = self.source.text.len();
        let at = error.marker().byte_offset().unwrap_or(length).min(length);
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        let message = message.split(" at ").next().unwrap_or(message);
        (at..at + 1, message.to_owned())
    }

    fn node(&mut self, found: Found<'s>, depth: usize) -> Result<Node, Wrong> {
        let Found { event, span, place } = found;
        let before = self.nodes;
        let length = match &event {
            Event::Scalar(text, ..) => text.len(),
            _ => 0,
        };
        // Long texts weigh as much as many short ones, so that repeating them is bounded, too.
        self.count(1 + length / WEIGHT, &span)?;
        if depth > DEEPEST {
            return Err((
                span,
                format!("the file is nested deeper than {DEEPEST} levels"),
            ));
        }
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, None) => (scalar(text, style, &span)?, anchor),
            Event::SequenceStart(_, anchor, None) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, None) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => {
                let node = self.alias(anchor, &span)?;
                return Ok(Node {
                    span,
                    place,
                    ..node
                });
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err((span, "tags are not taken: put a text in quotes".to_owned()));
            }
            _ => return Err((span, "a value was expected here".to_owned())),
        };
        let node = Node {
            content,
            span,
            place,
        };
        if anchor != 0 {
            // What is kept to be repeated counts like what is repeated.
            let size = self.nodes - before;
            self.count(size, &node.span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: &Range<usize>) -> Result<(), Wrong> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            let message = format!("the file holds more than {MOST_NODES} values");
            return Err((span.clone(), message));
        }
        Ok(())
    }

    /// A value that stands elsewhere in the file. One that is not complete yet would hold itself.
    fn alias(&mut self, anchor: usize, span: &Range<usize>) -> Result<Node, Wrong> {
        self.aliases += 1;
        if self.aliases > MOST_ALIASES {
            return Err((
                span.clone(),
                format!("the file holds more than {MOST_ALIASES} aliases"),
            ));
        }
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            return Err((
                span.clone(),
                "this alias stands inside what it repeats".to_owned(),
            ));
        };
        self.count(size, span)?;
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Content, Wrong> {
        let mut items = Vec::new();
        loop {
            let found = self.next()?;
            if matches!(found.event, Event::SequenceEnd) {
                return Ok(Content::List(items));
            }
            items.push(self.node(found, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Content, Wrong> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let found = self.next()?;
            if matches!(found.event, Event::MappingEnd) {
                return Ok(Content::Map(entries));
            }
            let key = self.key(found)?;
            // Few keys: comparing is quicker than a table, and a hostile file is bounded.
            if entries.len() < FEW && entries.iter().any(|(earlier, _)| earlier.name == key.name) {
                return Err(twice(&key));
            }
            let value = self.next()?;
            entries.push((key, self.node(value, depth + 1)?));
            if entries.len() == FEW {
                return self.long_map(entries, depth);
            }
        }
    }

    /// A mapping of many keys, such as the tenants of a fleet.
    fn long_map(&mut self, mut entries: Vec<(Key, Node)>, depth: usize) -> Result<Content, Wrong> {
        let mut names: std::collections::HashSet<String> =
            entries.iter().map(|(key, _)| key.name.clone()).collect();
        loop {
            let found = self.next()?;
            if matches!(found.event, Event::MappingEnd) {
                return Ok(Content::Map(entries));
            }
            let key = self.key(found)?;
            if !names.insert(key.name.clone()) {
                return Err(twice(&key));
            }
            let value = self.next()?;
            entries.push((key, self.node(value, depth + 1)?));
        }
    }

    /// A key: any scalar but nothing and fractions, as it is written.
    fn key(&mut self, found: Found<'s>) -> Result<Key, Wrong> {
        let merge =
            matches!(&found.event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
        if merge {
            return Err((
                found.span,
                "merge keys are not taken: write the values out".to_owned(),
            ));
        }
        let no_key = |span| Err((span, "a key must be a text".to_owned()));
        self.count(1, &found.span)?;
        let (text, style) = match found.event {
            Event::Scalar(text, style, _, None) => (text, style),
            _ => return no_key(found.span),
        };
        // As it is written: `0x10` and `16` are two keys.
        match scalar(Cow::Borrowed(&text), style, &found.span)? {
            Content::Text(_) | Content::Boolean(_) | Content::Integer(_) => Ok(Key {
                name: text.into_owned(),
                span: found.span,
                place: found.place,
            }),
            _ => no_key(found.span),
        }
    }
}

/// Up to so many keys are compared with each other one by one.
const FEW: usize = 32;

fn twice(key: &Key) -> Wrong {
    let name = excerpt(&key.name);
    (key.span.clone(), format!("duplicate mapping key: {name}"))
}

/// What a scalar means: quoted and block ones are texts, plain ones go by YAML 1.2's core schema.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, span: &Range<usize>) -> Result<Content, Wrong> {
    if style != ScalarStyle::Plain {
        return Ok(Content::Text(text.into_owned()));
    }
    Ok(match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Boolean(true),
        "false" | "False" | "FALSE" => Content::Boolean(false),
        plain => match number(plain) {
            Some(Content::Float(number)) if !number.is_finite() => {
                let message = format!(
                    "{} is no finite number: put a text in quotes",
                    excerpt(plain)
                );
                return Err((span.clone(), message));
            }
            Some(number) => number,
            None => Content::Text(text.into_owned()),
        },
    })
}

/// A plain scalar as a number. A leading zero makes it a text: `010` is 8 to some and 10 to others.
fn number(text: &str) -> Option<Content> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let first = unsigned.bytes().next()?;
    if !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Content::Float(f64::INFINITY));
    }
    // The core schema's own: small letters, no sign.
    let radix = match text.get(..2) {
        Some("0x") => Some(16),
        Some("0o") => Some(8),
        _ => None,
    };
    if let Some(radix) = radix {
        let digits = text
            .get(2..)
            .filter(|digits| digits.chars().all(|c| c.is_digit(radix)))?;
        return i128::from_str_radix(digits, radix)
            .ok()
            .map(Content::Integer);
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let leading_zero = first == b'0' && unsigned.len() > 1;
        return match (leading_zero, text.parse::<i128>()) {
            (true, _) => None,
            (false, Ok(number)) => Some(Content::Integer(number)),
            (false, Err(_)) => text.parse().ok().map(Content::Float),
        };
    }
    let is_float = unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    // What is left to check, one point and one exponent, the standard library's grammar does.
    is_float
        .then(|| text.parse().ok().map(Content::Float))
        .flatten()
}
