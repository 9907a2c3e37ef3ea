//! Network addresses from the documentation ranges only, handed out so that no two roles ever share one.

use super::rng::Rng;

/// A `/28` that belongs to one role.
#[derive(Clone)]
pub struct Block {
    prefix: &'static str,
    first: i64,
}

impl Block {
    /// The block as Exchange writes it.
    pub fn cidr(&self) -> String {
        format!("{}{}/28", self.prefix, self.first)
    }

    /// One of the fourteen hosts, counted from 0.
    pub fn host(&self, index: usize) -> String {
        format!("{}{}", self.prefix, self.first + 1 + index as i64 % 14)
    }

    /// Several different hosts.
    pub fn hosts(&self, count: usize, rng: &mut Rng) -> Vec<String> {
        let mut indexes: Vec<usize> = (0..14).collect();
        rng.shuffle(&mut indexes);
        indexes
            .into_iter()
            .take(count)
            .map(|index| self.host(index))
            .collect()
    }
}

/// The blocks that nobody has yet.
pub struct Addresses(Vec<Block>);

impl Addresses {
    /// All blocks of the three documentation ranges in random order, so that no range betrays who uses it.
    pub fn new(rng: &mut Rng) -> Self {
        let mut blocks = Vec::new();
        for prefix in ["192.0.2.", "198.51.100.", "203.0.113."] {
            blocks.extend((0..16).map(|index| Block {
                prefix,
                first: index * 16,
            }));
        }
        rng.shuffle(&mut blocks);
        Addresses(blocks)
    }

    /// A block of one's own. There are 48; no scenario needs more than half of them.
    pub fn block(&mut self) -> Block {
        self.0.pop().unwrap_or(Block {
            prefix: "192.0.2.",
            first: 0,
        })
    }
}

/// An address of version 6: Microsoft's own servers, and much of the internet.
pub fn version_6(rng: &mut Rng) -> String {
    format!(
        "2001:db8:{:x}:{:x}::{:x}",
        rng.between(0x10, 0xf40),
        rng.between(1, 0xff),
        rng.between(1, 0xffff)
    )
}
