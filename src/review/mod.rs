//! What a new version of a signed document changes, in terms of trust: for those who are asked to sign it.
//!
//! The same weights as for drift: who signs a baseline reads of a change what a
//! check would have said of it.

mod baseline;
mod policy;
mod root;

use crate::connector::property::Property;
use crate::document::time;
use crate::finding::{Direction, Location, Severity, Subject};
use crate::trust::Header;
use jiff::SignedDuration;
use serde::Serialize;

pub use baseline::of_baseline;
pub use policy::of_policy;
pub use root::of_root;

/// What the lines about a document's end are about.
pub const EXPIRES: &str = "expires";

/// Nobody remembers for longer what they approved.
const LONG_LIFE: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is about: a connector, a list, a role.
    pub subject: String,
    /// What changes, in words.
    pub words: String,
    /// What it does to trust.
    pub direction: Direction,
    /// How bad the same difference would be as drift; `info` where it would be none.
    pub severity: Severity,
    /// The connector or setting that changes, where it is one.
    #[serde(skip)]
    pub about: Option<About>,
}

/// The connector or setting that a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The connector.
    pub connector: Subject,
    /// The setting; `None` for the connector as a whole.
    pub property: Option<Property>,
    /// Canonical elements that are approved from then on.
    pub added: Vec<String>,
    /// Canonical elements that no longer are.
    pub removed: Vec<String>,
    /// How many addresses `added` stands for.
    pub count: Option<u128>,
    /// Where that stands.
    pub location: Location,
}

/// Everything that a new version changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The changes, the widening ones first.
    pub lines: Vec<Line>,
}

impl Review {
    fn add(
        &mut self,
        subject: impl Into<String>,
        words: impl Into<String>,
        direction: Direction,
        severity: Severity,
    ) {
        self.lines.push(Line {
            subject: subject.into(),
            words: words.into(),
            direction,
            severity,
            about: None,
        });
    }

    /// Says what the change that was added last is about.
    fn about(&mut self, about: About) {
        if let Some(line) = self.lines.last_mut() {
            line.about = Some(about);
        }
    }

    fn widens(&mut self, subject: impl Into<String>, words: impl Into<String>, severity: Severity) {
        self.add(subject, words, Direction::Widens, severity);
    }

    fn narrows(&mut self, subject: impl Into<String>, words: impl Into<String>) {
        self.add(subject, words, Direction::Narrows, Severity::Info);
    }

    fn neutral(&mut self, subject: impl Into<String>, words: impl Into<String>) {
        self.add(subject, words, Direction::Neutral, Severity::Info);
    }

    /// Says a value of a first version: one more lenient than the program proposes widens.
    fn first(&mut self, subject: &str, value: impl Into<String>, lenient: bool) {
        if lenient {
            self.widens(subject, value, Severity::Medium);
        } else {
            self.neutral(subject, value);
        }
    }

    /// Says that a value changed, if it did.
    fn changed(
        &mut self,
        subject: &str,
        before: impl std::fmt::Display,
        now: impl std::fmt::Display,
        direction: Direction,
    ) {
        let (before, now) = (before.to_string(), now.to_string());
        if before != now {
            let severity = match direction {
                Direction::Widens => Severity::Medium,
                _ => Severity::Info,
            };
            self.add(
                subject,
                format!("{now} instead of {before}"),
                direction,
                severity,
            );
        }
    }

    /// How long the document counts. Longer than two years is as good as for ever.
    fn life(&mut self, before: Option<&Header>, now: &Header) {
        let life = now.expires.duration_since(now.issued);
        let words = match before {
            Some(before) if before.expires == now.expires => return,
            Some(before) => format!("{} instead of {}", now.expires, before.expires),
            None => now.expires.to_string(),
        };
        if life > LONG_LIFE {
            self.widens(
                EXPIRES,
                format!("{words}: {} after it was issued", time::words(life)),
                Severity::Medium,
            );
        } else {
            self.neutral(EXPIRES, words);
        }
    }

    /// The widening changes first, the worst of them at the top.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        let rank = |line: &Line| match line.direction {
            Direction::Widens => 0,
            Direction::Narrows => 1,
            Direction::Neutral => 2,
        };
        self.lines
            .sort_by_key(|line| (rank(line), std::cmp::Reverse(line.severity)));
        self
    }

    /// How many changes widen trust.
    pub fn widening(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| line.direction == Direction::Widens)
            .count()
    }
}
