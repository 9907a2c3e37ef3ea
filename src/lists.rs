//! Named lists: values that rules refer to as `@relays`.

use crate::document::{Node, Reader};
use std::collections::BTreeMap;

/// Lists by name, without the `@`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists(BTreeMap<String, Vec<String>>);

impl Lists {
    /// Reads the `lists:` of a policy, a baseline or an example.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let entries = reader.entries(node, "named lists", |reader, key, value| {
            if !is_name(&key.name) {
                reader.wrong(
                    key.span.clone(),
                    format!("{:?} is not a name for a list", key.name),
                    "use small letters, digits, `-` and `_`, beginning with a letter",
                );
                return None;
            }
            reader.texts(value)
        })?;
        Some(Self(entries.into_iter().collect()))
    }

    /// The entries of a list.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// These lists, with those of the other taking the place of lists of the same name.
    #[must_use]
    pub fn replaced_by(&self, other: &Self) -> Self {
        let mut lists = self.0.clone();
        lists.extend(
            other
                .0
                .iter()
                .map(|(name, entries)| (name.clone(), entries.clone())),
        );
        Self(lists)
    }

    /// All lists by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter()
    }
}

/// Whether a text can name a list.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        })
}
