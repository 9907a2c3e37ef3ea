//! Why nothing may be called "no sign": what the evidence does not cover, or cannot be relied on to be.
//!
//! An attacker who can make a file unreadable, late or short must not gain a
//! better verdict by it.

use super::Question;
use super::attribution::state::{State, is_shown_by};
use super::indicator::measure::worst_share;
use crate::evidence::Form;
use crate::evidence::file::Completeness;
use crate::finding::Finding;
use crate::policy::threshold::Threshold;
use crate::snapshot::{Part, Snapshot};

/// The last days before the newest state must be covered: logs do not reach back for ever.
const DAYS: i64 = 30;

/// What is said of the newest days.
const LATELY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * DAYS);

/// What was read of the configuration lately, whether it is a state or not: within those days of the newest state, or
/// nobody knows when. What was so long ago says nothing of now.
pub(super) fn lately<'q>(question: &'q Question<'_>) -> impl Iterator<Item = &'q Snapshot> {
    let newest = question.states.last().map(|state| state.at);
    let states = question.states.iter().map(|state| state.snapshot);
    let all = states.chain(question.parts.iter().copied());
    all.filter(move |own| match (newest, own.taken_at) {
        (Some(newest), Some(at)) => newest.duration_since(at) <= LATELY,
        _ => true,
    })
}

/// Mail may be silent for so long at either end: over long weekends small organizations write none.
const SILENT_HOURS: i64 = 96;

/// Why nothing may be called "no sign"; empty where nothing stands in the way.
pub(super) fn doubts(question: &Question<'_>, findings: &[Finding]) -> Vec<String> {
    let mut doubts = question.lost.to_vec();
    if question.states.is_empty() {
        doubts.push("no state of the connectors was read whole".to_owned());
    }
    doubts.extend(undated(question));
    doubts.extend(files(question));
    doubts.extend(unused(question));
    doubts.extend(log(question));
    doubts.extend(mail(question));
    doubts.extend(elsewhere(question));
    if findings
        .iter()
        .any(|finding| finding.rule == "audit-log-disabled")
    {
        doubts.push(
            "the audit log was switched off: what was done meanwhile is in no record".to_owned(),
        );
    }
    doubts
}

fn files(question: &Question<'_>) -> Vec<String> {
    let used = question
        .files
        .iter()
        .filter(|file| file.form != Form::Unknown);
    used.filter(|file| file.completeness() == Completeness::Doubtful)
        .map(|file| {
            format!(
                "{} cannot be relied on to be all: see what is said about the evidence",
                file.path
            )
        })
        .collect()
}

/// Connectors that were read and are no state: incomplete, broken, or from nobody knows when.
fn unused(question: &Question<'_>) -> Vec<String> {
    let is_state = |own: &Snapshot| {
        question
            .states
            .iter()
            .any(|state| std::ptr::eq(state.snapshot, own))
    };
    let parts = question
        .parts
        .iter()
        .filter(|own| !own.records.is_empty() && !is_state(own))
        .filter(|own| !(own.has(Part::InboundConnectors) && is_shown_by(own, &question.states)));
    parts
        .map(|own| format!("{} holds connectors and is no complete state: export it again, or say with --taken-at when it was", own.origin))
        .collect()
}

/// States of which nothing says when they were read, where another one may be older or newer.
fn undated(question: &Question<'_>) -> Vec<String> {
    let states = &question.states;
    let is_bare = |state: &State<'_>| state.snapshot.taken_at.is_none();
    // A stamp behind the time of every other state is that of a later one.
    let newest = states
        .last()
        .filter(|_| states.iter().filter(|own| is_bare(own)).count() == 1);
    let unsure = states.iter().filter(|own| {
        is_bare(own) && states.len() > 1 && newest.is_none_or(|newest| newest.at != own.at)
    });
    unsure
        .map(|own| format!("{} does not say when it was read: its newest stamp stands for that; say it with --taken-at", own.snapshot.origin))
        .collect()
}

/// The days that must be covered, in days since 1970: those between the states, or before the only one.
fn needed(question: &Question<'_>) -> Option<(i64, i64)> {
    let first = question.states.first()?.at.as_second().div_euclid(86_400);
    let last = question.states.last()?.at.as_second().div_euclid(86_400);
    let from = match question.states.len() {
        1 => last - DAYS,
        _ => first.max(last - DAYS),
    };
    Some((from, last))
}

fn stretch(question: &Question<'_>) -> String {
    match question.states.len() {
        1 => format!("the {DAYS} days before the only state"),
        _ => "the time between the states".to_owned(),
    }
}

fn log(question: &Question<'_>) -> Vec<String> {
    let covered = question.log.and_then(|log| Some((log, log.window()?)));
    // A log of sign-ins or of Entra does not tell of connectors.
    let Some((log, (from, to))) = covered else {
        return vec!["there is no audit log of what administrators did in Exchange".to_owned()];
    };
    let mut doubts = Vec::new();
    if log.unread_about_connectors > 0 {
        doubts.push("audit records about connectors could not be read whole".to_owned());
    }
    if log.dropped > 0 {
        doubts.push("the audit log has more records of people than are kept".to_owned());
    }
    if let Some((first, last)) = needed(question) {
        if to < last - 1 || from > first + 1 {
            doubts.push(format!(
                "the audit log does not cover {}",
                stretch(question)
            ));
        }
        let silent = log
            .silent_days()
            .iter()
            .filter(|day| (first..=last).contains(*day))
            .count();
        if silent * 5 > usize::try_from(last - first + 1).unwrap_or_default() {
            doubts.push(format!(
                "the audit log has no record at all of {silent} days"
            ));
        }
    }
    doubts
}

fn mail(question: &Question<'_>) -> Vec<String> {
    let Some(traffic) = question.traffic.filter(|own| !own.days.is_empty()) else {
        return vec!["there is no message trace".to_owned()];
    };
    let (Some((first, last)), Some(from), Some(to)) =
        (needed(question), traffic.days.first(), traffic.days.last())
    else {
        return Vec::new();
    };
    let slack = SILENT_HOURS / 24;
    let covered = traffic.days.range(first..=last).count();
    let too_few = i64::try_from(covered).unwrap_or_default() * 2 < last - first + 1;
    if *to < last - slack || *from > first + slack || too_few {
        return vec![format!(
            "the message trace does not cover {}",
            stretch(question)
        )];
    }
    Vec::new()
}

/// Spam in outbound mail that no known connector explains: a connector that nobody knows of may have carried it.
fn elsewhere(question: &Question<'_>) -> Option<String> {
    let rest = question.traffic?.of(question.routes.routes.len())?;
    let share = worst_share(rest, |cell| (cell.filtered, cell.fates))?;
    let mails = question.thresholds.get(Threshold::SpamMails);
    let least = question.thresholds.get(Threshold::SpamShare);
    let unusual =
        share.excess >= mails && share.part >= least * share.whole && share.deviations >= 6.0;
    unusual.then(|| {
        format!(
            "{:.0} of {:.0} outbound mails within 24 hours that no known connector explains were filtered as spam: find out where they came from",
            share.part, share.whole
        )
    })
}
