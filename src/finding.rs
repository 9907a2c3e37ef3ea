//! One thing that is wrong, with all that a reader needs to act on it.
//!
//! A finding is made once, by the assessment, and only rendered afterwards: no
//! output format adds to it, filters it or judges it again.

use crate::caseless;
use crate::digest::Digest;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How bad a finding is. `Info` never fails a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; never decides a verdict.
    Info,
    /// A deviation without danger of its own.
    Low,
    /// A weakness, or something that hides one.
    Medium,
    /// A protection is gone, or an attack is likely.
    High,
    /// Somebody can send mail as the organisation who should not.
    Critical,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word used in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word used in files and output.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a difference does to trust. One that does both is `Widens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Trust is neither given nor taken.
    Neutral,
    /// Less is trusted, or more is demanded, than was approved.
    Narrows,
    /// More is trusted, or less is demanded, than was approved.
    Widens,
}

impl Direction {
    /// The word used in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Narrows => "narrows",
            Self::Widens => "widens",
        }
    }
}

impl Serialize for Direction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It counts.
    Open,
    /// A signed acceptance tolerates exactly this value until its expiry.
    Accepted,
}

impl Status {
    /// The word used in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
        }
    }
}

/// Whether a finding was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Since {
    /// The run before would not have had it.
    New,
    /// The run before would have had it, too.
    Open,
}

impl Since {
    /// The word used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
        }
    }
}

/// The findings of an earlier run, as far as they tell what is new since.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// The elements of each series.
    series: BTreeMap<String, BTreeSet<String>>,
}

impl Earlier {
    /// Adds a finding of the earlier run that counted then: its series, and the elements that it was about.
    pub fn add(&mut self, series: String, added: impl IntoIterator<Item = String>) {
        self.series.entry(series).or_default().extend(added);
    }

    /// Whether a finding is new. One of a known series that is about more than it was is:
    /// a second address on the same list must not hide behind the first.
    pub fn since(&self, finding: &Finding, tenant_id: &str) -> Since {
        match self.series.get(&finding.series(tenant_id).to_string()) {
            Some(known) if finding.added.iter().all(|element| known.contains(element)) => {
                Since::Open
            }
            _ => Since::New,
        }
    }
}

/// A place in a file where a person can act or look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Path as the user would type it, with `/`; relative to the audit repository where it lies inside.
    pub path: String,
    /// One-based line.
    pub line: usize,
    /// One-based column, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// The connector that something is about, as the service names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
pub struct Subject {
    /// `ExchangeObjectId`, else `Guid`; null where the record has neither, or only records of the log tell of it.
    pub id: Option<String>,
    /// Exchange's `Name`.
    pub name: String,
}

impl Subject {
    /// What identifies the connector in fingerprints: its id, else its name without case.
    pub fn key(&self) -> String {
        self.id
            .clone()
            .unwrap_or_else(|| caseless::lower(&self.name))
    }

    /// Whether both are one connector: by their ids, else, where one of them has none, by name.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(own), Some(theirs)) => own == theirs,
            _ => caseless::same(&self.name, &other.name),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Rule, drift or built-in id; what `connguard explain` takes.
    pub rule: String,
    /// How bad it is, after the policy's overrides.
    pub severity: Severity,
    /// Whether it counts.
    pub status: Status,
    /// The rule's title.
    pub title: String,
    /// What is wrong here, in words.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// The connector; `None` for a finding about the tenant or the run.
    pub connector: Option<Subject>,
    /// Exchange's name of the property.
    pub property: Option<String>,
    /// The approved or demanded value.
    pub expected: Option<serde_json::Value>,
    /// The observed value.
    pub actual: Option<serde_json::Value>,
    /// Canonical elements that are there and should not be.
    pub added: Vec<String>,
    /// Canonical elements that should be there and are not.
    pub removed: Vec<String>,
    /// How many addresses `added` stands for; `None` where it is not about addresses.
    pub count: Option<u128>,
    /// What it does to trust; `None` where no two states are compared.
    pub direction: Option<Direction>,
    /// Where to act (first) and where it was seen.
    pub locations: Vec<Location>,
    /// Whether it was there before; `None` where no history says so.
    pub since: Option<Since>,
    /// Whether it may decide a verdict. The gate only shows what its change does not bring.
    pub decides: bool,
}

impl Finding {
    /// Starts a finding; the place where a person can act comes first and cannot be forgotten.
    pub fn new(rule: &str, severity: Severity, title: &str, location: Location) -> Self {
        Self {
            rule: rule.to_owned(),
            severity,
            status: Status::Open,
            title: title.to_owned(),
            message: String::new(),
            fix: String::new(),
            connector: None,
            property: None,
            expected: None,
            actual: None,
            added: Vec::new(),
            removed: Vec::new(),
            count: None,
            direction: None,
            locations: vec![location],
            since: None,
            decides: true,
        }
    }

    /// Identifies this finding across runs: SHA-256 over rule, tenant id,
    /// connector, property and the elements added and removed. One finding a
    /// property, and a second attack on the same list is a new one. Never from
    /// a line number, a message or a severity, all of which may change while
    /// the flaw stays the same.
    pub fn fingerprint(&self, tenant_id: &str) -> Digest {
        let mut parts = self.series_parts(tenant_id);
        parts.push(format!("+{}", self.added.len()));
        parts.extend(self.added.iter().cloned());
        parts.push(format!("-{}", self.removed.len()));
        parts.extend(self.removed.iter().cloned());
        Digest::of_parts(parts.iter().map(String::as_str))
    }

    /// Like [`Finding::fingerprint`] but without the elements: tells whether a
    /// finding is new, still open or resolved while its value moves.
    pub fn series(&self, tenant_id: &str) -> Digest {
        let parts = self.series_parts(tenant_id);
        Digest::of_parts(parts.iter().map(String::as_str))
    }

    fn series_parts(&self, tenant_id: &str) -> Vec<String> {
        vec![
            self.rule.clone(),
            caseless::lower(tenant_id),
            self.connector
                .as_ref()
                .map(Subject::key)
                .unwrap_or_default(),
            self.property.clone().unwrap_or_default(),
        ]
    }

    /// The order in which findings are read: what counts first, worst first,
    /// then by connector and property, so that output is the same every time.
    pub fn reading_order(&self) -> impl Ord + '_ {
        (
            self.status != Status::Open,
            std::cmp::Reverse(self.severity),
            self.connector
                .as_ref()
                .map(|connector| (caseless::lower(&connector.name), &connector.id)),
            &self.property,
            &self.rule,
            &self.added,
            &self.removed,
            &self.locations,
        )
    }
}

/// The beginning of a text for a message: texts of tenants can be of any length.
pub fn excerpt(text: &str) -> String {
    const SHOWN: usize = 120;
    let length = text.chars().count();
    if length <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start} and {} characters more", length - SHOWN)
}

/// Joins elements for a message, the first few of many.
pub fn shorten(elements: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = elements
        .iter()
        .take(SHOWN)
        .map(|element| excerpt(element))
        .collect::<Vec<_>>()
        .join(", ");
    match elements.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
