//! Sets of IP addresses, compared by the addresses they hold and not by how they are written.
//!
//! Entries are single addresses, CIDR blocks (host bits allowed, the service
//! keeps them as typed) or `a-b` ranges. A set is kept as sorted, disjoint,
//! inclusive intervals, so union, difference, containment and count are exact.
//! IPv4 and IPv6 are two separate spaces: `::/0` says nothing about IPv4. An
//! IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address.

use crate::caseless;
use ipnet::{IpNet, Ipv4Net, Ipv4Subnets, Ipv6Net, Ipv6Subnets};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Inclusive interval of addresses of one family, as numbers.
type Interval = (u128, u128);

/// A set of IP addresses with the entries it was written with.
#[derive(Clone, Debug, Default)]
pub struct AddressSet {
    v4: Vec<Interval>,
    v6: Vec<Interval>,
    /// Each entry in its own canonical form (no host bits, `/32` left out), not merged:
    /// the service takes blocks of /24 to /32 only, so a merged block could not be written back.
    entries: BTreeSet<String>,
    /// Entries that are no address, verbatim. They count as different from everything but themselves.
    malformed: BTreeSet<String>,
}

/// Why an entry is not an address, block or range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is not an IP address, CIDR block or a-b range: {reason}")]
pub struct AddressError {
    /// The entry as written.
    pub entry: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl AddressSet {
    /// Reads entries, keeping those that are no address as [`AddressSet::malformed`].
    pub fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        for entry in entries {
            match Block::parse(entry) {
                Ok(block) => set.insert(&block),
                Err(_) => {
                    set.malformed.insert(caseless::lower(entry.trim_ascii()));
                }
            }
        }
        set.merge();
        set
    }

    /// Reads entries that a person wrote: the first one that is no address is an error.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, AddressError> {
        let mut set = Self::default();
        for entry in entries {
            set.insert(&Block::parse(entry)?);
        }
        set.merge();
        Ok(set)
    }

    fn insert(&mut self, block: &Block) {
        self.entries.insert(block.to_string());
        let (family, interval) = block.interval();
        match family {
            Family::V4 => self.v4.push(interval),
            Family::V6 => self.v6.push(interval),
        }
    }

    fn merge(&mut self) {
        merge(&mut self.v4);
        merge(&mut self.v6);
    }

    /// The set that holds nothing.
    pub const fn empty() -> Self {
        Self {
            v4: Vec::new(),
            v6: Vec::new(),
            entries: BTreeSet::new(),
            malformed: BTreeSet::new(),
        }
    }

    /// Whether the set holds nothing at all, not even a malformed entry.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty() && self.malformed.is_empty()
    }

    /// Entries that are no address, verbatim but for case.
    pub fn malformed(&self) -> impl Iterator<Item = &str> {
        self.malformed.iter().map(String::as_str)
    }

    /// Every entry in canonical form, malformed ones included, sorted as text.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .chain(&self.malformed)
            .map(String::as_str)
    }

    /// Whether the address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, number) = number(address);
        let intervals = match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        intervals
            .iter()
            .any(|&(low, high)| low <= number && number <= high)
    }

    /// The addresses of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.v4.extend(&other.v4);
        result.v6.extend(&other.v6);
        result.entries.extend(other.entries.iter().cloned());
        result.malformed.extend(other.malformed.iter().cloned());
        result.merge();
        result
    }

    /// The addresses of this set that the other one lacks; its entries are the fewest CIDR blocks.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let v4 = subtract(&self.v4, &other.v4);
        let v6 = subtract(&self.v6, &other.v6);
        Self::from_intervals(
            v4,
            v6,
            self.malformed
                .difference(&other.malformed)
                .cloned()
                .collect(),
        )
    }

    /// The addresses of both sets; its entries are the fewest CIDR blocks.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let malformed = self
            .malformed
            .intersection(&other.malformed)
            .cloned()
            .collect();
        Self::from_intervals(
            common(&self.v4, &other.v4),
            common(&self.v6, &other.v6),
            malformed,
        )
    }

    /// Whether the sets have an address, or a malformed entry, in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        !common(&self.v4, &other.v4).is_empty()
            || !common(&self.v6, &other.v6).is_empty()
            || !self.malformed.is_disjoint(&other.malformed)
    }

    /// How many addresses the set holds; `u128::MAX` also where it is one more (all of IPv6).
    pub fn count(&self) -> u128 {
        self.v4
            .iter()
            .chain(&self.v6)
            .fold(0u128, |sum, &(low, high)| {
                sum.saturating_add((high - low).saturating_add(1))
            })
    }

    /// The set as the fewest CIDR blocks, IPv4 first, malformed entries last.
    pub fn blocks(&self) -> Vec<String> {
        let v4 = self
            .v4
            .iter()
            .flat_map(|&(low, high)| Ipv4Subnets::new(v4_address(low), v4_address(high), 0))
            .map(IpNet::V4);
        let v6 = self
            .v6
            .iter()
            .flat_map(|&(low, high)| Ipv6Subnets::new(Ipv6Addr::from(low), Ipv6Addr::from(high), 0))
            .map(IpNet::V6);
        v4.chain(v6)
            .map(|net| show(&net))
            .chain(self.malformed.iter().cloned())
            .collect()
    }

    fn from_intervals(v4: Vec<Interval>, v6: Vec<Interval>, malformed: BTreeSet<String>) -> Self {
        let mut set = Self {
            v4,
            v6,
            entries: BTreeSet::new(),
            malformed: BTreeSet::new(),
        };
        set.entries = set.blocks().into_iter().collect();
        set.malformed = malformed;
        set
    }
}

/// Two sets are equal when they hold the same addresses, however they are written.
impl PartialEq for AddressSet {
    fn eq(&self, other: &Self) -> bool {
        self.v4 == other.v4 && self.v6 == other.v6 && self.malformed == other.malformed
    }
}

impl Eq for AddressSet {}

/// One entry: a block, or a range that need not be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A CIDR block, host bits cut off; a single address is a /32 or /128.
    Net(IpNet),
    /// An inclusive range within one family.
    Range(IpAddr, IpAddr),
}

impl Block {
    /// Reads one entry of an address list.
    pub fn parse(entry: &str) -> Result<Self, AddressError> {
        let text = entry.trim_ascii();
        let fail = |reason| AddressError {
            entry: entry.to_owned(),
            reason,
        };
        if let Some((address, length)) = text.split_once('/') {
            let address =
                parse_address(address).ok_or_else(|| fail("the part before `/` is no address"))?;
            return net(address, length).ok_or_else(|| {
                fail("the prefix length must be 0 to 32 (IPv4) or 0 to 128 (IPv6)")
            });
        }
        if let Some((low, high)) = text.split_once('-') {
            let low = parse_address(low.trim_ascii())
                .ok_or_else(|| fail("the part before `-` is no address"))?
                .to_canonical();
            let high = parse_address(high.trim_ascii())
                .ok_or_else(|| fail("the part after `-` is no address"))?
                .to_canonical();
            if low.is_ipv4() != high.is_ipv4() {
                return Err(fail("a range must stay within IPv4 or within IPv6"));
            }
            if low > high {
                return Err(fail("a range must not end before it begins"));
            }
            return Ok(Self::Range(low, high));
        }
        let address = parse_address(text)
            .ok_or_else(|| fail("write it like 192.0.2.1, 192.0.2.0/24 or 192.0.2.1-192.0.2.9"))?;
        Ok(Self::Net(IpNet::from(address.to_canonical())))
    }

    /// The prefix length of an IPv4 block; `None` for IPv6 and for ranges.
    pub fn ipv4_prefix(&self) -> Option<u8> {
        match self {
            Self::Net(IpNet::V4(net)) => Some(net.prefix_len()),
            _ => None,
        }
    }

    fn interval(&self) -> (Family, Interval) {
        match self {
            Self::Net(IpNet::V4(net)) => (
                Family::V4,
                (
                    u32::from(net.network()).into(),
                    u32::from(net.broadcast()).into(),
                ),
            ),
            // Not unmapped: a block that begins before the IPv4-mapped ones or ends behind them is one of IPv6.
            Self::Net(IpNet::V6(net)) => {
                (Family::V6, (net.network().into(), net.broadcast().into()))
            }
            Self::Range(low, high) => {
                let (family, low) = number(*low);
                (family, (low, number(*high).1))
            }
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => f.write_str(&show(net)),
            Self::Range(low, high) if low == high => write!(f, "{low}"),
            Self::Range(low, high) => write!(f, "{low}-{high}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// The standard library's grammar: no leading zeros, so `010.0.0.1` is not silently 10.0.0.1 or 8.0.0.1.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn net(address: IpAddr, length: &str) -> Option<Block> {
    if length.is_empty() || length.len() > 3 || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length: u8 = length.parse().ok()?;
    let mapped = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().filter(|_| length >= 96),
        IpAddr::V4(_) => None,
    };
    let net = match (address, mapped) {
        (_, Some(v4)) => IpNet::V4(Ipv4Net::new(v4, length - 96).ok()?),
        (IpAddr::V4(v4), _) => IpNet::V4(Ipv4Net::new(v4, length).ok()?),
        (IpAddr::V6(v6), _) => IpNet::V6(Ipv6Net::new(v6, length).ok()?),
    };
    Some(Block::Net(net.trunc()))
}

fn number(address: IpAddr) -> (Family, u128) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (Family::V4, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (Family::V6, u128::from(v6)),
    }
}

fn v4_address(number: u128) -> Ipv4Addr {
    // Intervals of the IPv4 space never leave it.
    Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn show(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

/// Sorts intervals and joins those that overlap or touch.
fn merge(intervals: &mut Vec<Interval>) {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for &(low, high) in intervals.iter() {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    *intervals = merged;
}

/// What is left of merged intervals after taking merged intervals away, in one pass over both.
fn subtract(from: &[Interval], take: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut first = 0;
    for &(low, high) in from {
        // Cuts that end before this interval end before all later ones.
        while take.get(first).is_some_and(|cut| cut.1 < low) {
            first += 1;
        }
        let mut next = Some(low);
        for &(cut_low, cut_high) in take.iter().skip(first).take_while(|cut| cut.0 <= high) {
            let Some(start) = next else { break };
            if cut_low > start {
                left.push((start, cut_low - 1));
            }
            next = cut_high.checked_add(1).filter(|&start| start <= high);
        }
        if let Some(start) = next {
            left.push((start, high));
        }
    }
    left
}

/// What merged intervals have in common, in one pass over both.
fn common(one: &[Interval], two: &[Interval]) -> Vec<Interval> {
    let (mut one, mut two) = (one.iter().peekable(), two.iter().peekable());
    let mut found = Vec::new();
    while let (Some(&&(low, high)), Some(&&(other_low, other_high))) = (one.peek(), two.peek()) {
        if low.max(other_low) <= high.min(other_high) {
            found.push((low.max(other_low), high.min(other_high)));
        }
        if high < other_high {
            one.next();
        } else {
            two.next();
        }
    }
    found
}
