//! An unordered, case-insensitive set of texts that keeps the spelling it was given.

use crate::caseless;
use std::collections::BTreeMap;

/// A set of names: recipients, organizations, references to accepted domains.
#[derive(Clone, Debug, Default)]
pub struct NameSet {
    /// Comparable form to the spelling seen first.
    names: BTreeMap<String, String>,
}

impl NameSet {
    /// A set of names compared without case.
    pub fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self::keyed(entries, caseless::lower)
    }

    /// A set of references to objects, each compared by its last path element:
    /// the service returns a name in one place and an identity path in another.
    pub fn from_references<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        Self::keyed(entries, |entry| {
            let path = entry
                .trim_end_matches(|c: char| matches!(c, '/' | '\\') || c.is_ascii_whitespace());
            let last = path
                .rsplit(['/', '\\'])
                .next()
                .unwrap_or_default()
                .trim_ascii();
            // A reference of separators alone has no last element, and is still no empty one.
            if last.is_empty() {
                caseless::lower(entry)
            } else {
                caseless::lower(last)
            }
        })
    }

    fn keyed<'a>(entries: impl IntoIterator<Item = &'a str>, key: impl Fn(&str) -> String) -> Self {
        let mut names = BTreeMap::new();
        for entry in entries {
            let entry = entry.trim_ascii();
            names.entry(key(entry)).or_insert_with(|| entry.to_owned());
        }
        Self { names }
    }

    /// Whether the set has no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names in comparable form, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Names of this set, in comparable form, that the other one lacks.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        self.names
            .keys()
            .filter(|key| !other.names.contains_key(*key))
            .cloned()
            .collect()
    }
}

/// Equal when they hold the same names, whatever the spelling.
impl PartialEq for NameSet {
    fn eq(&self, other: &Self) -> bool {
        self.names.keys().eq(other.names.keys())
    }
}

impl Eq for NameSet {}
