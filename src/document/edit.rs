//! Writing YAML: texts as scalars, and changes to a file that leave all else as a person wrote it.

use super::problem::Source;
use super::yaml::{Content, Key, Node};
use crate::hostile_text::is_dangerous;
use std::fmt::Write as _;
use std::ops::Range;

/// The widest list that is written on one line.
const WIDTH: usize = 100;

/// A text as a YAML scalar: plain where every reader takes it for this text, else in double quotes.
pub fn scalar(text: &str) -> String {
    if reads_as_itself(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_dangerous(c) || c.is_control() => {
                let number = u32::from(c);
                let _ = if number > 0xffff {
                    write!(quoted, "\\U{number:08x}")
                } else {
                    write!(quoted, "\\u{number:04x}")
                };
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a plain scalar is this text in block and in flow, for our reader and for those of YAML 1.1.
fn reads_as_itself(text: &str) -> bool {
    let old_words = [
        "yes", "no", "on", "off", "y", "n", "true", "false", "null", "~",
    ];
    let first = text
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric() || c == '/');
    let plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '/' | '@' | '+' | ':'));
    if !first || !plain || old_words.contains(&text.to_ascii_lowercase().as_str()) {
        return false;
    }
    let whole = format!("[{text}]");
    let parsed = Node::parse(Source {
        path: "",
        text: &whole,
    });
    match parsed.map(|node| node.content) {
        Ok(Content::List(items)) => {
            matches!(items.as_slice(), [Node { content: Content::Text(found), .. }] if found == text)
        }
        _ => false,
    }
}

/// A JSON value of texts, booleans and lists as it stands behind `key: ` at an indent.
pub fn value(value: &serde_json::Value, indent: usize) -> String {
    match value {
        serde_json::Value::String(text) => scalar(text),
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| self::value(item, indent)).collect();
            list(&items, indent)
        }
        other => other.to_string(),
    }
}

/// Scalars as a list: on one line where that is short.
pub fn list(items: &[String], indent: usize) -> String {
    let line = format!("[{}]", items.join(", "));
    if line.len() <= WIDTH || items.is_empty() {
        return line;
    }
    let pad = " ".repeat(indent + 2);
    items
        .iter()
        .fold(String::new(), |text, item| text + "\n" + &pad + "- " + item)
}

/// Changes to one text, each to bytes of their own.
#[derive(Debug, Default)]
pub struct Edits {
    changes: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// Puts a text in the place of a range of bytes; an empty range inserts.
    pub fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.changes.push((range, text.into()));
    }

    /// The changed text; `None` where two changes are about the same bytes.
    pub fn apply(mut self, text: &str) -> Option<String> {
        // Stable: insertions at one place stay in the order in which they were made.
        self.changes
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut changed = String::with_capacity(text.len() + 256);
        let mut done = 0;
        for (range, new) in &self.changes {
            changed.push_str(text.get(done..range.start)?);
            changed.push_str(new);
            done = range.end;
        }
        changed.push_str(text.get(done..)?);
        Some(changed)
    }
}

/// The lines of a file that belong to the items of a block list or the entries of a block mapping.
#[derive(Clone, Copy)]
pub struct Lines<'t> {
    text: &'t str,
}

impl<'t> Lines<'t> {
    /// Of this file.
    pub const fn of(text: &'t str) -> Self {
        Self { text }
    }

    /// The beginning of the line that a byte is in.
    pub fn start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// How far the first character of a byte's line is indented.
    pub fn indent(&self, at: usize) -> usize {
        let line = self.text.get(self.start(at)..).unwrap_or_default();
        line.len() - line.trim_start_matches(' ').len()
    }

    /// Whole lines from one place to the line of the next, without comments and
    /// empty lines at the end: those belong to what follows.
    pub fn block(&self, from: usize, next: usize) -> Range<usize> {
        let start = self.start(from);
        let mut end = if next >= self.text.len() {
            self.text.len()
        } else {
            self.start(next)
        };
        while let Some(line) = self
            .text
            .get(start..end)
            .and_then(|block| block.split_inclusive('\n').next_back())
        {
            let bare = line.trim();
            let left_aside = bare.is_empty() || bare.starts_with('#');
            if !left_aside || end - line.len() <= start {
                break;
            }
            end -= line.len();
        }
        start..end
    }

    /// The bytes of an entry's value: a scalar, a list in brackets, or all lines of a block.
    pub fn value(&self, key: &Key, node: &Node, block: &Range<usize>) -> Range<usize> {
        if !matches!(node.content, Content::List(_) | Content::Map(_)) {
            return node.span.clone();
        }
        let rest = self
            .text
            .get(node.span.start..block.end)
            .unwrap_or_default();
        match closing(rest) {
            Some(length) => node.span.start..node.span.start + length,
            // Behind `key:`, up to the line end of the block's last line.
            None => {
                let colon = self
                    .text
                    .get(key.span.end..)
                    .and_then(|rest| rest.find(':'));
                let start = key.span.end + colon.map_or(0, |colon| colon + 1);
                let block = self.text.get(start..block.end).unwrap_or_default();
                start..start + block.trim_end().len()
            }
        }
    }
}

/// The length of a flow list or mapping that a text begins with.
fn closing(text: &str) -> Option<usize> {
    if !text.starts_with(['[', '{']) {
        return None;
    }
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), c) if c == open && !escaped => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
        escaped = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_the_text_they_were() {
        for text in [
            "Relay 1",
            "no",
            "10",
            "1.5",
            "*",
            "a: b",
            "a #b",
            "",
            " x",
            "- a",
            "0x1f",
            "203.0.113.0/26",
            "2001:db8::/32",
            "é",
            "\u{202e}x",
            "\u{e0041}",
            "a\"b\\c\nd\te",
            "2026-01-01",
            "{a}",
            "'",
            "key:",
            "a:b",
        ] {
            for whole in [
                format!("k: {}\n", scalar(text)),
                format!("k: [{}]\n", scalar(text)),
            ] {
                let node = Node::parse(Source {
                    path: "",
                    text: &whole,
                });
                let found = match node.map(|node| node.content) {
                    Ok(Content::Map(entries)) => {
                        match entries.into_iter().next().map(|(_, node)| node.content) {
                            Some(Content::List(items)) => {
                                items.into_iter().next().map(|node| node.content)
                            }
                            other => other,
                        }
                    }
                    _ => None,
                };
                assert!(
                    matches!(&found, Some(Content::Text(found)) if found == text),
                    "{whole} {found:?}"
                );
            }
            assert!(!scalar(text).chars().any(is_dangerous));
        }
    }
}
