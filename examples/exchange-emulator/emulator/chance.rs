//! What differs from run to run and from read to read: ids, and the order of things.

use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};

/// Unpredictable bytes. Should the system have none, they are zeros: ids would then collide and be noticed.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// A fresh GUID.
pub fn guid() -> String {
    guid_from(bytes())
}

/// The same GUID for the same text, for objects whose file gives none.
pub fn guid_of(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.to_lowercase().as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    guid_from(bytes)
}

fn guid_from(bytes: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) | 4 << 76;
    let bits = bits & !(3 << 62) | 2 << 62;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        (bits >> 80) & 0xffff,
        (bits >> 64) & 0xffff,
        (bits >> 48) & 0xffff,
        bits & 0xffff_ffff_ffff
    )
}

/// Dice that fall the same way for the same seed, so that the pages of one read fit together.
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice that nobody can foresee.
    pub fn fresh() -> Self {
        Self(u64::from_be_bytes(bytes()))
    }

    /// The next number (SplitMix64).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// Puts things into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_of_a_text_is_stable_and_well_formed() {
        assert_eq!(guid_of("Relay"), guid_of("RELAY"));
        assert_ne!(guid_of("Relay"), guid_of("Relay 2"));
        assert_eq!(guid().len(), 36);
        assert_eq!(guid().as_bytes()[14], b'4');
    }

    #[test]
    fn a_shuffle_loses_nothing_and_repeats_for_its_seed() {
        let order = |seed| {
            let mut numbers: Vec<_> = (0..50).collect();
            Dice::new(seed).shuffle(&mut numbers);
            numbers
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
