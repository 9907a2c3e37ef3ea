//! The values that a predicate compares with: literals, and lists by name.

use super::{Check, Subject};
use crate::connector::address::AddressSet;
use crate::connector::domain::DomainSet;
use crate::document::{Node, Reader};
use crate::lists;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Literals and `@names`, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Operand {
    literals: Vec<String>,
    names: Vec<String>,
    /// The literals as addresses, read once for all connectors.
    addresses: OnceLock<Option<AddressSet>>,
}

impl Operand {
    /// Reads a list of texts; `valid` checks the literals.
    pub fn read(
        reader: &Reader<'_>,
        node: &Node,
        what: &str,
        valid: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let mut operand = Self::default();
        let mut sound = true;
        for (item, text) in reader.items(node)?.iter().zip(reader.texts(node)?) {
            match text.strip_prefix('@') {
                Some(name) if lists::is_name(name) => operand.names.push(name.to_owned()),
                Some(_) => {
                    reader.wrong(
                        item.span.clone(),
                        format!("{text:?} is not the name of a list"),
                        "use small letters, digits, `-` and `_` after the `@`",
                    );
                    sound = false;
                }
                None if valid(&text) => operand.literals.push(text),
                None => {
                    reader.wrong(
                        item.span.clone(),
                        format!("{text:?} is not {what}"),
                        format!("write {what}, or the name of a list such as \"@relays\""),
                    );
                    sound = false;
                }
            }
        }
        sound.then_some(operand)
    }

    /// The names of lists, without `@`.
    pub fn names(&self) -> BTreeSet<String> {
        self.names.iter().cloned().collect()
    }

    /// All values for one tenant, or what the check comes to without them.
    pub fn values<'a>(&'a self, subject: &Subject<'a>) -> Result<Vec<&'a str>, Check> {
        let mut values: Vec<&str> = self.literals.iter().map(String::as_str).collect();
        for name in &self.names {
            match subject.lists.get(name) {
                Some(entries) => values.extend(entries.iter().map(String::as_str)),
                None => return Err(Check::UndefinedList(name.clone())),
            }
        }
        Ok(values)
    }

    /// The values as addresses.
    pub fn addresses(&self, subject: &Subject<'_>) -> Result<Cow<'_, AddressSet>, Check> {
        if self.names.is_empty()
            && let Some(literals) = self.literal_addresses()
        {
            return Ok(Cow::Borrowed(literals));
        }
        AddressSet::parse(self.values(subject)?)
            .map(Cow::Owned)
            .map_err(|error| Check::Unknown(format!("{}: {error}", self.words())))
    }

    fn literal_addresses(&self) -> Option<&AddressSet> {
        let read = || AddressSet::parse(self.literals.iter().map(String::as_str)).ok();
        self.addresses.get_or_init(read).as_ref()
    }

    /// The values as domains; an entry that is none would allow nothing, so it is no answer.
    pub fn domains(&self, subject: &Subject<'_>) -> Result<DomainSet, Check> {
        let set = DomainSet::from_entries(self.values(subject)?);
        if let Some(entry) = set.malformed().next() {
            return Err(Check::Unknown(format!(
                "{}: `{entry}` is not a domain",
                self.words()
            )));
        }
        Ok(set)
    }

    /// How messages name the values: the lists, and the literals where they are few.
    pub fn words(&self) -> String {
        let names = self.names.iter().map(|name| format!("@{name}"));
        let literals = match self.literals.len() {
            0..=4 => self.literals.clone(),
            many => vec![format!("{many} values of the rule")],
        };
        names.chain(literals).collect::<Vec<_>>().join(", ")
    }
}
