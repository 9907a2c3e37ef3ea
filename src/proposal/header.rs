//! Version, chain and dates of the next version.

use crate::digest::Digest;
use crate::document::Node;
use crate::document::edit::{Edits, Lines};
use crate::document::yaml::{Content, Key};
use jiff::Timestamp;

/// What the header of the next version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Its version.
    pub version: u64,
    /// Digest of the version before.
    pub previous: Option<Digest>,
    /// Now.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Next {
    /// The header's lines below `apiVersion` and `kind`.
    pub fn lines(&self) -> String {
        let previous = self
            .previous
            .map(|digest| format!("previous: {digest}\n"))
            .unwrap_or_default();
        format!(
            "version: {}\n{previous}issued: {}\nexpires: {}\n",
            self.version, self.issued, self.expires
        )
    }
}

/// Changes the header of a document in place.
pub fn next_header(
    edits: &mut Edits,
    text: &str,
    document: &Node,
    next: &Next,
) -> Result<(), String> {
    let Content::Map(entries) = &document.content else {
        return Err("it is no mapping".to_owned());
    };
    let find = |name: &str| entries.iter().find(|(key, _)| key.name == name);
    let written = [
        ("version", next.version.to_string()),
        ("issued", next.issued.to_string()),
        ("expires", next.expires.to_string()),
    ];
    for (name, value) in written {
        let (_, node) = find(name).ok_or_else(|| format!("`{name}` is missing"))?;
        edits.replace(node.span.clone(), value);
    }
    match (find("previous"), next.previous) {
        (Some((_, node)), Some(digest)) => edits.replace(node.span.clone(), digest.to_string()),
        (Some((key, _)), None) => edits.replace(line_of(text, key), ""),
        (None, Some(digest)) => {
            let (key, _) = find("version").ok_or("`version` is missing")?;
            let end = line_of(text, key).end;
            edits.replace(end..end, format!("previous: {digest}\n"));
        }
        (None, None) => {}
    }
    Ok(())
}

fn line_of(text: &str, key: &Key) -> std::ops::Range<usize> {
    let start = Lines::of(text).start(key.span.start);
    let rest = text.get(start..).unwrap_or_default();
    start..start + rest.find('\n').map_or(rest.len(), |newline| newline + 1)
}
