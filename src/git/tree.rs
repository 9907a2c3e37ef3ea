//! Folders as git stores them: mode, name and object of each entry, by name.

use git2::Oid;
use std::cmp::Ordering;

/// The mode of a file.
pub const FILE: u32 = 0o100_644;
/// The mode of a folder.
pub const FOLDER: u32 = 0o040_000;

/// Bytes of an object's name.
const ID: usize = 20;

/// What a folder holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// [`FILE`], [`FOLDER`], or what else somebody put there.
    pub mode: u32,
    /// The object.
    pub id: Oid,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    bytes: Vec<u8>,
}

impl Tree {
    /// A folder without entries.
    pub const fn empty() -> Self {
        Self { bytes: Vec::new() }
    }

    /// The bytes of a tree object. What is not an entry ends the list.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Its entries in git's order. Names are what somebody wrote: any bytes but `/` and NUL.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Entry)> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (found, after) = next(rest)?;
            rest = after;
            Some(found)
        })
    }

    /// Its entries whose names are text.
    pub fn named(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.entries()
            .filter_map(|(name, entry)| Some((std::str::from_utf8(name).ok()?, entry)))
    }

    /// The entry of a name.
    pub fn get(&self, name: &str) -> Option<Entry> {
        self.entries()
            .find(|(own, _)| *own == name.as_bytes())
            .map(|(_, entry)| entry)
    }
}

/// A name, with what an old and a new folder have under it.
pub type Differing<'t> = (&'t [u8], Option<Entry>, Option<Entry>);

/// The names under which two folders have different things, in git's order.
///
/// The older folder must be a good one; `None` where the newer one is not entries to its end.
pub fn differing<'t>(old: &'t Tree, new: &'t Tree) -> Option<Vec<Differing<'t>>> {
    let mut found = Vec::new();
    let (mut olds, mut news) = beyond_common(&old.bytes, &new.bytes);
    loop {
        let (one, two) = (next(olds), next(news));
        let order = match (&one, &two) {
            (None, None) => return news.is_empty().then_some(found),
            (Some(_), None) if !news.is_empty() => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((two, _))) => in_order(one, two),
        };
        let was = one.filter(|_| order != Ordering::Greater);
        let is = two.filter(|_| order != Ordering::Less);
        if let Some((_, rest)) = was {
            olds = rest;
        }
        if let Some((_, rest)) = is {
            news = rest;
        }
        let (was, is) = (was.map(|(entry, _)| entry), is.map(|(entry, _)| entry));
        if let Some((name, _)) = was.or(is)
            && was != is
        {
            found.push((
                name,
                was.map(|(_, entry)| entry),
                is.map(|(_, entry)| entry),
            ));
            // Most trees differ in one entry: behind it, all is as it was.
            if olds == news {
                return Some(found);
            }
        }
    }
}

/// What two lists of entries hold behind the entries that both begin with.
fn beyond_common<'t>(old: &'t [u8], new: &'t [u8]) -> (&'t [u8], &'t [u8]) {
    const STEP: usize = 64;
    let steps = old.chunks(STEP).zip(new.chunks(STEP));
    let same = STEP * steps.take_while(|(one, two)| one == two).count();
    let same = same.min(old.len()).min(new.len());
    let mut rest = old;
    while let Some((_, after)) = next(rest)
        && old.len() - after.len() <= same
    {
        rest = after;
    }
    let skipped = old.len() - rest.len();
    (rest, new.get(skipped..).unwrap_or_default())
}

/// Git sorts a folder as if its name ended in a slash.
fn in_order((one, first): &Named<'_>, (two, second): &Named<'_>) -> Ordering {
    if one == two {
        return Ordering::Equal;
    }
    let key = |name: &[u8], entry: &Entry, at: usize| {
        let slash = (at == name.len() && entry.mode == FOLDER).then_some(b'/');
        name.get(at).copied().or(slash).unwrap_or_default()
    };
    let same = one.iter().zip(*two).take_while(|(a, b)| a == b).count();
    key(one, first, same).cmp(&key(two, second, same))
}

/// An entry with its name.
type Named<'t> = (&'t [u8], Entry);

/// The first entry, and what is behind it.
fn next(bytes: &[u8]) -> Option<(Named<'_>, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let (mode, rest) = bytes.split_at_checked(space)?;
    let (_, rest) = rest.split_first()?;
    let nul = rest.iter().position(|byte| *byte == 0)?;
    let (name, rest) = rest.split_at_checked(nul)?;
    let (_, rest) = rest.split_first()?;
    let mode = match mode {
        b"40000" => FOLDER,
        b"100644" => FILE,
        // Git writes no mode with zeros before it.
        [] | [b'0', ..] => return None,
        other => other.iter().try_fold(0u32, |mode, digit| {
            let digit = char::from(*digit).to_digit(8)?;
            mode.checked_mul(8)?.checked_add(digit)
        })?,
    };
    let (id, rest) = rest.split_at_checked(ID)?;
    let id = Oid::from_bytes(id).ok()?;
    Some(((name, Entry { mode, id }), rest))
}

/// The bytes of a folder with these entries, whatever their order.
pub fn encode<'n>(entries: impl IntoIterator<Item = (&'n str, Entry)>) -> Vec<u8> {
    let mut entries: Vec<(&str, Entry)> = entries.into_iter().collect();
    // Git sorts a folder as if its name ended in a slash.
    let key = |(name, entry): &(&str, Entry)| {
        let mut key = name.as_bytes().to_vec();
        if entry.mode == FOLDER {
            key.push(b'/');
        }
        key
    };
    entries.sort_by_cached_key(key);
    let mut bytes = Vec::with_capacity(entries.len() * 64);
    for (name, entry) in entries {
        bytes.extend_from_slice(format!("{:o} {name}\0", entry.mode).as_bytes());
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn entry(kind: u8) -> Entry {
        let mode = if kind.is_multiple_of(2) { FILE } else { FOLDER };
        let id = Oid::from_bytes(&[kind; 20]).unwrap_or(Oid::ZERO_SHA1);
        Entry { mode, id }
    }

    fn tree(entries: &BTreeMap<String, u8>) -> Tree {
        let named = entries
            .iter()
            .map(|(name, kind)| (name.as_str(), entry(*kind)));
        Tree::new(encode(named))
    }

    proptest! {
        #[test]
        fn what_differs_is_what_differs(
            old in prop::collection::btree_map("[ab][-.]?[ab]?", 0u8..4, 0..6),
            new in prop::collection::btree_map("[ab][-.]?[ab]?", 0u8..4, 0..6),
        ) {
            let (before, after) = (tree(&old), tree(&new));
            let mut found: Vec<String> = differing(&before, &after)
                .unwrap_or_default()
                .into_iter()
                .map(|(name, _, _)| String::from_utf8_lossy(name).into_owned())
                .collect();
            found.sort_unstable();
            // A file and a folder of one name stand at different places, and are said twice.
            found.dedup();
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let expected: Vec<&String> = names.into_iter().filter(|name| old.get(*name) != new.get(*name)).collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            let mut cut = encode(new.iter().map(|(name, kind)| (name.as_str(), entry(*kind))));
            cut.push(b'x');
            let cut = Tree::new(cut);
            prop_assert_eq!(differing(&before, &cut), None);
        }
    }
}
