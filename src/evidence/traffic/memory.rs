//! What was once found out about a text, so that it is not looked up again.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;
use std::ops::Range;

/// So many different texts are remembered: an attacker may invent more.
const MOST: usize = 1 << 16;

/// Values by text. Texts stand side by side, as they are looked up with every row and should be near.
pub struct Memory<V> {
    known: HashTable<(Range<u32>, V)>,
    texts: Vec<u8>,
    digests: FixedState,
}

impl<V: Copy> Memory<V> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            known: HashTable::new(),
            texts: Vec::new(),
            digests: FixedState::with_seed(0),
        }
    }

    /// What is known of a text, else what is found out now.
    pub fn get(&mut self, text: &[u8], find_out: impl FnOnce() -> V) -> V {
        let digest = self.digests.hash_one(text);
        let is_it = |(range, _): &(Range<u32>, V)| at(&self.texts, range) == text;
        if let Some((_, value)) = self.known.find(digest, is_it) {
            return *value;
        }
        let value = find_out();
        let place = |length: usize| u32::try_from(length).ok();
        if self.known.len() < MOST
            && let Some(begin) = place(self.texts.len())
            && let Some(end) = place(self.texts.len() + text.len())
        {
            self.texts.extend_from_slice(text);
            let (texts, digests) = (&self.texts, &self.digests);
            let again = |(range, _): &(Range<u32>, V)| digests.hash_one(at(texts, range));
            self.known.insert_unique(digest, (begin..end, value), again);
        }
        value
    }
}

fn at<'t>(texts: &'t [u8], range: &Range<u32>) -> &'t [u8] {
    texts
        .get(range.start as usize..range.end as usize)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_up_once() {
        let mut memory = Memory::new();
        for round in 0..3 {
            for number in 0..1000u32 {
                let text = format!("{number}.example");
                let value = memory.get(text.as_bytes(), || {
                    assert_eq!(round, 0, "{text}");
                    number
                });
                assert_eq!(value, number);
            }
        }
        assert_eq!(memory.get(b"", || 7), 7);
        assert_eq!(memory.get(b"", || 8), 7);
    }
}
