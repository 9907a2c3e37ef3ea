//! A small random generator of our own, so that one seed gives the same bytes on every machine and forever.

/// SplitMix64: tiny, well mixed, and good enough for test data.
pub struct Rng(u64);

impl Rng {
    /// A generator for one purpose. Every part of a folder draws from its own, so that a change in one part does not
    /// reshuffle all others.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut mixed = seed ^ 0x9e37_79b9_7f4a_7c15;
        for byte in purpose.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut rng = Rng(mixed);
        rng.draw();
        rng
    }

    /// The next 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An index below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        (self.draw() % count.max(1) as u64) as usize
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.draw() % (high - low).max(0).saturating_add(1) as u64) as i64
    }

    /// A number in `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items, which are never none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// One of the texts, which are never none.
    pub fn pick_text<'a>(&mut self, texts: &'a [String]) -> &'a str {
        self.pick::<String>(texts)
    }

    /// One of the items, early ones far more often: the long tail of an organization's correspondents.
    pub fn pick_early<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let skewed = self.unit().powf(1.8);
        let index = (skewed * items.len() as f64) as usize;
        &items[index.min(items.len() - 1)]
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// How many events happen when `mean` are expected.
    pub fn poisson(&mut self, mean: f64) -> usize {
        if mean > 40.0 {
            let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            return (mean + normal * mean.sqrt()).round().max(0.0) as usize;
        }
        let limit = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// A random GUID in Exchange's usual form: lower case, without braces.
    pub fn guid(&mut self) -> String {
        let (high, low) = (self.draw(), self.draw());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    /// Random letters from this alphabet.
    pub fn letters(&mut self, count: usize, alphabet: &str) -> String {
        let alphabet = alphabet.as_bytes();
        (0..count)
            .map(|_| char::from(*self.pick(alphabet)))
            .collect()
    }
}
