//! When each recipient was first written to, in bounded memory.
//!
//! Up to a million recipients all are followed. Beyond, those whose digest ends
//! in more and more zero bits are: a sample that does not depend on the order
//! of rows, so that the same mail gives the same numbers.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

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

/// Recipients by digest.
#[derive(Clone, Debug)]
pub struct Recipients {
    first: HashMap<u64, First, FixedState>,
    /// So many bits of a digest that end it must be zero.
    bits: u32,
}

impl Default for Recipients {
    fn default() -> Self {
        Self {
            first: HashMap::with_hasher(FixedState::with_seed(0)),
            bits: 0,
        }
    }
}

impl Recipients {
    fn is_followed(&self, digest: u64) -> bool {
        digest.trailing_zeros() >= self.bits
    }

    /// One of so many recipients is followed.
    pub const fn one_of(&self) -> u64 {
        1 << self.bits
    }

    /// Notes that a recipient was written to.
    pub fn note(&mut self, digest: u64, seconds: i64, route: usize) {
        if !self.is_followed(digest) {
            return;
        }
        let first = First {
            seconds: u32::try_from(seconds).unwrap_or_default(),
            route: u16::try_from(route).unwrap_or(u16::MAX),
        };
        let known = self.first.entry(digest).or_insert(first);
        *known = first.min(*known);
        self.bound();
    }

    /// Adds those of another thread.
    pub fn merge(&mut self, other: Self) {
        self.bits = self.bits.max(other.bits);
        let bits = self.bits;
        self.first
            .retain(|digest, _| digest.trailing_zeros() >= bits);
        for (digest, first) in other.first {
            if self.is_followed(digest) {
                let known = self.first.entry(digest).or_insert(first);
                *known = first.min(*known);
                self.bound();
            }
        }
    }

    fn bound(&mut self) {
        while self.first.len() > MAX_RECIPIENTS {
            self.bits += 1;
            let bits = self.bits;
            self.first
                .retain(|digest, _| digest.trailing_zeros() >= bits);
        }
    }

    /// The hour and route of each first time.
    pub fn firsts(&self) -> impl Iterator<Item = (i64, usize)> {
        let firsts = self.first.values();
        firsts.map(|first| (i64::from(first.seconds) / 3600, usize::from(first.route)))
    }
}
