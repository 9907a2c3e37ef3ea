//! Domain names, domain patterns and sets of them.
//!
//! A pattern is `*` (every domain), `*.contoso.com` (that domain and everything
//! below it) or `contoso.com` (that domain alone). A set covers a pattern
//! exactly when one of its members does: no finite number of smaller patterns
//! fills a subtree, which has infinitely many names. So coverage, difference
//! and equality need no tree and are exact.

use crate::caseless;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::collections::BTreeSet;
use std::fmt;

/// The service's cost of an address space when none is written.
pub const DEFAULT_COST: u32 = 1;

/// A domain name in its comparable form: A-labels, lower case, no final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// Reads a domain name in any case, with U-labels or A-labels, with or without a final dot.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let text = text.strip_suffix('.').unwrap_or(text);
        // Underscores are outside STD3 yet occur in real host names; the service does not refuse them.
        let deny = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");
        let ascii = Uts46::new()
            .to_ascii(text.as_bytes(), deny, Hyphens::Check, DnsLength::Verify)
            .ok()?;
        spells(text, &ascii).then(|| Self(ascii.into_owned()))
    }

    /// The name in A-labels.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is the other one or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0
            .strip_suffix(other.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Whether a wildcard over this domain covers names that anybody can get.
    pub fn spans_shared(&self) -> bool {
        self.is_shared()
            || GIVEN_OUT
                .iter()
                .any(|given| Self((*given).to_owned()).is_within(self))
    }

    /// Whether anybody can get a name below this one: a public suffix such as
    /// `com` or `co.uk`, or a domain Microsoft gives out names below. The
    /// public suffix list does not know the latter.
    pub fn is_shared(&self) -> bool {
        GIVEN_OUT.contains(&self.as_str()) || psl::suffix_str(self.as_str()) == Some(self.as_str())
    }
}

/// Domains below which Microsoft gives out names, which the public suffix list does not know.
const GIVEN_OUT: [&str; 4] = [
    "onmicrosoft.com",
    "mail.onmicrosoft.com",
    "outlook.com",
    "mail.protection.outlook.com",
];

/// Whether a name was written as it is, but for case and script: what the mapping
/// of Unicode drops or replaces (invisible letters, full-width forms, other dots)
/// makes another text that only looks the same.
fn spells(text: &str, ascii: &str) -> bool {
    let (unicode, _) =
        Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    let lower = caseless::lower(text);
    let mut labels = lower.split('.');
    let spelled = ascii
        .split('.')
        .zip(unicode.split('.'))
        .all(|(ascii, unicode)| {
            labels
                .next()
                .is_some_and(|label| label == ascii || label == unicode)
        });
    spelled && labels.next().is_none()
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a list of domains or a certificate name can say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DomainPattern {
    /// `*`: every domain.
    Any,
    /// `*.contoso.com`: that domain and everything below it.
    Subtree(Domain),
    /// `contoso.com`: that domain alone.
    Exact(Domain),
}

impl DomainPattern {
    /// Reads `*`, `*.domain` or `domain`; a wildcard anywhere else is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        if text == "*" {
            return Some(Self::Any);
        }
        match text.strip_prefix("*.") {
            Some(rest) => Domain::parse(rest).map(Self::Subtree),
            None => Domain::parse(text).map(Self::Exact),
        }
    }

    /// Whether everything the other pattern stands for is covered by this one.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) | (Self::Exact(_), Self::Subtree(_)) => false,
            (Self::Subtree(top), Self::Subtree(name) | Self::Exact(name)) => name.is_within(top),
            (Self::Exact(one), Self::Exact(name)) => one == name,
        }
    }

    /// The domain that is named; `None` for `*`.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Any => None,
            Self::Subtree(domain) | Self::Exact(domain) => Some(domain),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Subtree(domain) => write!(f, "*.{domain}"),
            Self::Exact(domain) => write!(f, "{domain}"),
        }
    }
}

/// A set of domain patterns, as in `SenderDomains`: each with the cost of its address space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainSet {
    patterns: BTreeSet<(DomainPattern, u32)>,
    /// Entries that are no domain, verbatim but for case. They cover nothing but themselves.
    malformed: BTreeSet<String>,
}

impl DomainSet {
    /// Reads entries in wire form (`smtp:*.contoso.com;1`) or plain (`*.contoso.com`).
    pub fn from_entries<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        for entry in entries {
            match parse_space(entry) {
                Some((pattern, cost)) => {
                    set.patterns.insert((pattern, cost));
                }
                None => {
                    set.malformed.insert(caseless::lower(entry.trim_ascii()));
                }
            }
        }
        set
    }

    /// The set without entries.
    pub const fn empty() -> Self {
        Self {
            patterns: BTreeSet::new(),
            malformed: BTreeSet::new(),
        }
    }

    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.malformed.is_empty()
    }

    /// The patterns, sorted.
    pub fn patterns(&self) -> impl Iterator<Item = &DomainPattern> {
        self.patterns.iter().map(|(pattern, _)| pattern)
    }

    /// Entries that are no domain.
    pub fn malformed(&self) -> impl Iterator<Item = &str> {
        self.malformed.iter().map(String::as_str)
    }

    /// Every entry in canonical form: plain, with `;cost` only where it is not the default.
    pub fn entries(&self) -> Vec<String> {
        let known = self.patterns.iter().map(|(pattern, cost)| match *cost {
            DEFAULT_COST => pattern.to_string(),
            cost => format!("{pattern};{cost}"),
        });
        known.chain(self.malformed.iter().cloned()).collect()
    }

    /// Whether one of the patterns covers this one.
    pub fn covers(&self, pattern: &DomainPattern) -> bool {
        self.patterns().any(|own| own.covers(pattern))
    }

    /// The patterns, as text, that this set has and the other does not cover.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let uncovered: BTreeSet<&DomainPattern> = self
            .patterns()
            .filter(|pattern| !other.covers(pattern))
            .collect();
        let known = uncovered.into_iter().map(ToString::to_string);
        known
            .chain(self.malformed.difference(&other.malformed).cloned())
            .collect()
    }
}

/// Splits an address space at the *last* `;`: a tail of digits is the cost.
fn parse_space(entry: &str) -> Option<(DomainPattern, u32)> {
    let entry = entry.trim_ascii();
    let plain = match entry.split_at_checked(5) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("smtp:") => rest,
        _ => entry,
    };
    let (domain, cost) = match plain.rsplit_once(';') {
        Some((domain, cost))
            if !cost.is_empty() && cost.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (domain, cost.parse().ok()?)
        }
        Some(_) => return None,
        None => (plain, DEFAULT_COST),
    };
    Some((DomainPattern::parse(domain)?, cost))
}
