//! When each recipient was first written to, in bounded memory: one table for all threads and files.
//!
//! Up to a million recipients all are followed. Beyond, those whose digest ends
//! in more and more zero bits are: a sample that does not depend on the order
//! of rows, so that the same mail gives the same numbers.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many recipients are followed at most.
pub const MAX_RECIPIENTS: usize = 1 << 20;

/// The first time a recipient was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct First {
    /// Seconds since 1970.
    seconds: u32,
    /// Through which route.
    route: u16,
}

type Part = HashMap<u64, First, FixedState>;

/// There are so many parts, by the first bits of digests.
const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 6;

/// So many notes of a part are taken at once: the table is too large for the processor's caches, a part is not.
const NOTES: usize = 512;

/// Recipients by digest, in parts that threads hold one at a time.
#[derive(Debug)]
pub struct Recipients {
    parts: Vec<Mutex<Part>>,
    /// How many are followed.
    count: AtomicUsize,
    /// So many bits of a digest that end it must be zero. It only rises.
    bits: AtomicU32,
    most: usize,
    thinning: Mutex<()>,
}

impl Default for Recipients {
    fn default() -> Self {
        Self::at_most(MAX_RECIPIENTS)
    }
}

impl Recipients {
    fn at_most(most: usize) -> Self {
        let part = || Mutex::new(HashMap::with_hasher(FixedState::with_seed(0)));
        Self {
            parts: (0..PARTS).map(|_| part()).collect(),
            count: AtomicUsize::new(0),
            bits: AtomicU32::new(0),
            most,
            thinning: Mutex::new(()),
        }
    }

    /// One of so many recipients is followed.
    pub fn one_of(&self) -> u64 {
        1 << self.bits()
    }

    fn bits(&self) -> u32 {
        self.bits.load(Ordering::Relaxed)
    }

    /// Takes notes of one part.
    fn take(&self, place: usize, notes: &mut Vec<(u64, First)>) {
        let Some(part) = self.parts.get(place) else {
            return;
        };
        let mut part = locked(part);
        // Asked while the part is held: what is thinned out meanwhile does not come back.
        let bits = self.bits();
        let before = part.len();
        for (digest, first) in notes.drain(..) {
            if digest.trailing_zeros() >= bits {
                let known = part.entry(digest).or_insert(first);
                *known = first.min(*known);
            }
        }
        let new = part.len() - before;
        let count = self.count.fetch_add(new, Ordering::Relaxed) + new;
        drop(part);
        if count > self.most {
            self.thin();
        }
    }

    /// Follows fewer, until they are few enough.
    fn thin(&self) {
        let _one = locked(&self.thinning);
        while self.count.load(Ordering::Relaxed) > self.most {
            let bits = self.bits.fetch_add(1, Ordering::Relaxed) + 1;
            for part in &self.parts {
                let mut part = locked(part);
                let before = part.len();
                part.retain(|digest, _| digest.trailing_zeros() >= bits);
                self.count.fetch_sub(before - part.len(), Ordering::Relaxed);
            }
        }
    }

    /// The hour and route of each first time.
    pub fn firsts(&self) -> Vec<(i64, usize)> {
        let mut all = Vec::new();
        for part in &self.parts {
            let part = locked(part);
            let firsts = part.values();
            all.extend(
                firsts.map(|first| (i64::from(first.seconds) / 3600, usize::from(first.route))),
            );
        }
        all
    }
}

/// What a thread noted, and did not hand on yet.
pub struct Notes<'r> {
    recipients: &'r Recipients,
    parts: Vec<Vec<(u64, First)>>,
}

impl<'r> Notes<'r> {
    /// Nothing yet.
    pub fn new(recipients: &'r Recipients) -> Self {
        Self {
            recipients,
            parts: vec![Vec::new(); PARTS],
        }
    }

    /// Notes that a recipient was written to.
    pub fn add(&mut self, digest: u64, seconds: i64, route: usize) {
        let first = First {
            seconds: u32::try_from(seconds).unwrap_or_default(),
            route: u16::try_from(route).unwrap_or(u16::MAX),
        };
        let place = usize::try_from(digest >> (u64::BITS - PART_BITS)).unwrap_or_default();
        if let Some(notes) = self.parts.get_mut(place) {
            notes.push((digest, first));
            if notes.len() >= NOTES {
                self.recipients.take(place, notes);
            }
        }
    }

    /// Hands on the rest.
    pub fn finish(mut self) {
        for (place, notes) in self.parts.iter_mut().enumerate() {
            self.recipients.take(place, notes);
        }
    }
}

fn locked<T>(own: &Mutex<T>) -> MutexGuard<'_, T> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher as _;

    #[test]
    fn the_sample_is_the_same_whoever_comes_first() {
        let digests = FixedState::with_seed(7);
        let notes: Vec<(u64, i64)> = (0..200_000i64)
            .map(|mail| (digests.hash_one(mail % 1500), mail * 60))
            .collect();
        let result = |threads: usize, reversed: bool| {
            let recipients = Recipients::at_most(200);
            std::thread::scope(|scope| {
                for part in notes.chunks(notes.len().div_ceil(threads)) {
                    let recipients = &recipients;
                    scope.spawn(move || {
                        let mut notes = Notes::new(recipients);
                        let note = |(digest, seconds): &(u64, i64)| notes.add(*digest, *seconds, 0);
                        if reversed {
                            part.iter().rev().for_each(note)
                        } else {
                            part.iter().for_each(note)
                        }
                        notes.finish();
                    });
                }
            });
            let mut firsts = recipients.firsts();
            firsts.sort_unstable();
            (recipients.one_of(), firsts)
        };
        let (one_of, firsts) = result(1, false);
        assert_eq!(one_of, 8);
        assert!(
            firsts.len() <= 200 && firsts.len() > 100,
            "{}",
            firsts.len()
        );
        assert!(firsts.iter().all(|(hour, _)| *hour < 25));
        for (threads, reversed) in [(1, true), (4, false), (7, true)] {
            assert_eq!(result(threads, reversed), (one_of, firsts.clone()));
        }
    }
}
