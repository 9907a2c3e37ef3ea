//! What a change brings: its findings against those that were there before, and what a proposed document changes.
//!
//! Nothing is judged here a second time. Findings come from the assessment and
//! changes from the review; this only says which of them are the change's own.

mod hidden;

pub use hidden::{Observed, hidden};

use crate::assessment::Assessment;
use crate::builtin;
use crate::connector::property::Property;
use crate::digest::Digest;
use crate::finding::{Direction, Finding, Location, Severity, Since, Status, Subject, shorten};
use crate::review::{EXPIRES, Line, Review};
use crate::trust::TooFew;
use std::collections::{BTreeMap, BTreeSet};

/// Tells findings that a change brings from those that were there: the latter are shown and decide nothing.
///
/// A finding is the same only with the same elements and no worse: a second
/// address on the same list is a new one.
pub fn since(before: &Assessment, after: &mut Assessment) {
    let key = after.key().to_owned();
    let known: BTreeMap<Digest, Severity> = open(before)
        .map(|finding| (finding.fingerprint(&key), finding.severity))
        .collect();
    for finding in &mut after.findings {
        let earlier = known.get(&finding.fingerprint(&key));
        let is_known = earlier.is_some_and(|severity| *severity >= finding.severity);
        finding.since = Some(if is_known { Since::Open } else { Since::New });
        finding.decides = !is_known;
    }
    let series: BTreeSet<Digest> = open(after).map(|finding| finding.series(&key)).collect();
    after.resolved = open(before)
        .filter(|finding| !series.contains(&finding.series(&key)))
        .cloned()
        .collect();
}

fn open(assessment: &Assessment) -> impl Iterator<Item = &Finding> {
    assessment
        .findings
        .iter()
        .filter(|finding| finding.status == Status::Open)
}

/// Lets pass what a change only narrows: a finding that it makes smaller, or that says that less is trusted now.
///
/// What it newly breaks still counts: a relay without addresses is a flaw of its own.
pub fn let_narrowing_pass(
    before: &Assessment,
    after: &mut Assessment,
    directions: &BTreeMap<(Subject, Property), Direction>,
) {
    let key = after.key().to_owned();
    let known: BTreeSet<Digest> = open(before).map(|finding| finding.series(&key)).collect();
    for finding in &mut after.findings {
        let narrows = finding.direction == Some(Direction::Narrows);
        let smaller = known.contains(&finding.series(&key)) && only_narrows(finding, directions);
        if narrows || smaller {
            finding.decides = false;
        }
    }
}

/// Whatever is wrong with a connector counts where the change opens that connector further.
///
/// To switch a relay on that was slipped an address has no finding of its own,
/// and is what lets the address in.
pub fn opened_further(
    after: &mut Assessment,
    directions: &BTreeMap<(Subject, Property), Direction>,
) {
    let widened: BTreeSet<&Subject> = directions
        .iter()
        .filter(|(_, direction)| **direction == Direction::Widens)
        .map(|((subject, _), _)| subject)
        .collect();
    for finding in &mut after.findings {
        if finding
            .connector
            .as_ref()
            .is_some_and(|connector| widened.contains(connector))
        {
            finding.decides = true;
        }
    }
}

/// Whether everything that the change does to the finding's subject narrows.
fn only_narrows(finding: &Finding, directions: &BTreeMap<(Subject, Property), Direction>) -> bool {
    let named = finding.property.as_deref().and_then(Property::named);
    let mut own = directions
        .iter()
        .filter(|((subject, property), _)| {
            Some(subject) == finding.connector.as_ref()
                && named.is_none_or(|named| named == *property)
        })
        .map(|(_, direction)| *direction)
        .peekable();
    own.peek().is_some() && own.all(|direction| direction == Direction::Narrows)
}

/// What a new version of a document changes, as findings at the places where it stands.
///
/// They inform: what enough people sign is approved, and whether they did is a finding of its own.
pub fn of_review(review: &Review, path: &str) -> Vec<Finding> {
    review
        .lines
        .iter()
        .map(|line| of_line(line, path))
        .collect()
}

fn of_line(line: &Line, path: &str) -> Finding {
    let id = match line.direction {
        Direction::Widens => "change-widens",
        Direction::Narrows => "change-narrows",
        Direction::Neutral => "change-neutral",
    };
    let location = line
        .about
        .as_ref()
        .map_or_else(|| beginning(path), |about| about.location.clone());
    let weight = if line.severity > Severity::Info {
        format!(" (as drift it would be {})", line.severity)
    } else {
        String::new()
    };
    let mut finding = Finding {
        message: format!("{}: {}{weight}", line.subject, line.words),
        direction: Some(line.direction),
        added: vec![line.subject.clone(), line.words.clone()],
        since: Some(Since::New),
        ..builtin::finding(id, Severity::Info, location)
    };
    if let Some(about) = &line.about {
        finding.connector = Some(about.connector.clone());
        finding.property = about.property.map(|property| property.name().to_owned());
        finding.added.clone_from(&about.added);
        finding.removed.clone_from(&about.removed);
        finding.count = about.count;
    }
    finding
}

/// Whether a review finds that a document approves less than before, and nothing else but for how long.
pub fn narrows_only(review: &Review) -> bool {
    let narrows = |line: &Line| line.direction == Direction::Narrows;
    let is_date = |line: &Line| line.direction == Direction::Neutral && line.subject == EXPIRES;
    review.lines.iter().any(narrows)
        && review
            .lines
            .iter()
            .all(|line| narrows(line) || is_date(line))
}

/// That a document lacks signatures: which it has, which do not count and why, and who can give the rest.
pub fn signatures_missing(short: &TooFew, widens: &[String]) -> Finding {
    let summary = if widens.is_empty() {
        String::new()
    } else {
        format!("; it widens: {}", widens.join("; "))
    };
    Finding {
        message: format!("{short}{summary}"),
        fix: format!(
            "Read what it changes; whoever approves it signs: {}",
            short.command()
        ),
        added: vec![short.path.clone(), short.role.to_owned()],
        since: Some(Since::New),
        ..builtin::finding(
            "signatures-missing",
            Severity::Medium,
            beginning(&short.path),
        )
    }
}

/// That enough people signed a proposed document.
pub fn signed(path: &str, version: u64, who: &str, threshold: usize) -> Finding {
    Finding {
        message: format!("version {version} is signed by {who}; {threshold} must"),
        added: vec![path.to_owned(), version.to_string()],
        since: Some(Since::New),
        ..builtin::finding("change-signed", Severity::Info, beginning(path))
    }
}

/// That one person's word was enough for a document.
pub fn approved_alone(path: &str, who: &str) -> Finding {
    Finding {
        message: format!("{who} approved {path} alone: the root asks for one signature"),
        added: vec![path.to_owned(), who.to_owned()],
        since: Some(Since::New),
        ..builtin::finding("approved-alone", Severity::Info, beginning(path))
    }
}

/// That a proposed root lets one person do what took several before.
pub fn alone_from_now_on(path: &str, what: &str) -> Finding {
    Finding {
        message: format!(
            "under the proposed root one person alone can approve {what}, which takes several now"
        ),
        added: vec![path.to_owned(), what.to_owned()],
        since: Some(Since::New),
        ..builtin::finding("approved-alone", Severity::Medium, beginning(path))
    }
}

/// That only the people for emergencies signed a document.
pub fn emergency(path: &str, who: &str) -> Finding {
    Finding {
        message: format!("{who} approved {path} by the emergency role"),
        added: vec![path.to_owned(), who.to_owned()],
        since: Some(Since::New),
        ..builtin::finding("baseline-emergency", Severity::Medium, beginning(path))
    }
}

/// That what is known of a tenant would come from somewhere else, or say something else.
///
/// `vanished` are the findings of now that nobody would see any more.
pub fn evidence_changed(path: &str, words: &str, vanished: &[&Finding]) -> Finding {
    let rules: BTreeSet<String> = vanished
        .iter()
        .map(|finding| {
            let of = finding.connector.as_ref();
            let of = of.map(|own| format!(" on {:?}", own.name));
            format!("{}{}", finding.rule, of.unwrap_or_default())
        })
        .collect();
    let gone = if rules.is_empty() {
        String::new()
    } else {
        let rules: Vec<String> = rules.into_iter().collect();
        format!(
            "; {} of now would no longer be found: {}",
            vanished.len(),
            shorten(&rules)
        )
    };
    let severity = vanished
        .iter()
        .map(|finding| finding.severity)
        .max()
        .map_or(Severity::Info, |_| Severity::Medium);
    Finding {
        message: format!("{words}{gone}"),
        added: vec![path.to_owned(), words.to_owned()],
        since: Some(Since::New),
        ..builtin::finding("evidence-changed", severity, beginning(path))
    }
}

/// That files change which the gate does not judge; those that run the check are named by themselves.
pub fn not_judged(paths: &[String]) -> Vec<Finding> {
    let (pipelines, others): (Vec<String>, Vec<String>) =
        paths.iter().cloned().partition(|path| runs_the_check(path));
    let finding = |paths: &[String], words: &str| {
        let first = paths.first()?;
        Some(Finding {
            message: format!("{} {words}", shorten(paths)),
            added: paths.to_vec(),
            since: Some(Since::New),
            ..builtin::finding("change-not-judged", Severity::Info, beginning(first))
        })
    };
    let of_pipelines = pipelines.chunks(5).filter_map(|some| {
        finding(
            some,
            "as well, which decides how checks are run, and is not judged here",
        )
    });
    of_pipelines
        .chain(finding(&others, "as well, which the gate does not judge"))
        .collect()
}

/// Pipelines, and what decides how git and people treat the repository.
fn runs_the_check(path: &str) -> bool {
    path.starts_with(".github/")
        || path.starts_with(".gitlab")
        || path.starts_with(".azure")
        || path.ends_with("azure-pipelines.yml")
        || path.ends_with("azure-pipelines-gate.yml")
        || path.ends_with(".gitattributes")
        || path.ends_with("CODEOWNERS")
        || path == ".ci"
        || path.starts_with(".ci/")
}

/// The beginning of a file: where to look for what is about all of it.
pub fn beginning(path: &str) -> Location {
    Location {
        path: path.to_owned(),
        line: 1,
        column: 1,
    }
}
