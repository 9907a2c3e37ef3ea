//! From "something is wrong with a connector" to what happened, who did it, and what to do next.
//!
//! ```text
//! states + audit log ──► attribution ──┐
//! baseline (verified) ──► drift ───────┼──► signs ──► verdict ──► runbook
//! traffic (hour × connector) ──────────┘
//! ```
//!
//! "No evidence" is never "did not happen": what was not looked at is counted
//! and said, and only enough of it makes "no sign".

pub mod actor;
pub mod attribution;
pub mod findings;
pub mod indicator;
mod reliance;
pub mod runbook;
mod subjects;
pub mod verdict;

pub use findings::Coverage;
pub use subjects::routes;

use crate::baseline::Baseline;
use crate::caseless;
use crate::connector::address::AddressSet;
use crate::drift;
use crate::evidence::FileReport;
use crate::evidence::audit::{Alert, AuditLog, Topic};
use crate::evidence::traffic::{Routes, Traffic};
use crate::finding::{Direction, Finding, Subject};
use crate::policy::threshold::Thresholds;
use crate::snapshot::{Organization, Part, Snapshot};
use actor::Triage;
use attribution::state::State;
use attribution::{Actor, Attribution, Change};
use indicator::{Case, Sign};
use jiff::Timestamp;
use runbook::Runbook;
use std::collections::BTreeMap;
use verdict::CaseVerdict;

/// What an investigation is made from.
pub struct Question<'a> {
    /// The tenant's local name.
    pub tenant: &'a str,
    /// The organization, as far as anything names it.
    pub organization: Organization,
    /// Whether that is a tenant of the audit repository around.
    pub in_repository: bool,
    /// The time of the run.
    pub now: Timestamp,
    /// What was approved, where somebody signed it.
    pub baseline: Option<&'a Baseline>,
    /// What was there, oldest first; each read completely.
    pub states: Vec<State<'a>>,
    /// Everything else that was read of the configuration: what has no time, or only some parts.
    pub parts: Vec<&'a Snapshot>,
    /// The log; `None` where there is none.
    pub log: Option<&'a AuditLog>,
    /// Mail; `None` where there is no trace.
    pub traffic: Option<&'a Traffic>,
    /// The connectors that mail was counted by.
    pub routes: &'a Routes,
    /// The files.
    pub files: Vec<FileReport>,
    /// What was joined.
    pub attribution: Attribution,
    /// The numbers in force.
    pub thresholds: Thresholds,
    /// Address ranges of hosting providers, where a list of them is at hand.
    pub hosting: Option<&'a AddressSet>,
    /// What should have been read and could not be, in words.
    pub lost: &'a [String],
    /// Whether something could not be read at all: a run that finds nothing in the rest has failed.
    pub failed: bool,
}

/// What is known of the organization as a whole.
pub struct Known<'a> {
    /// The log.
    pub log: Option<&'a AuditLog>,
    /// Mail.
    pub traffic: Option<&'a Traffic>,
    /// Ids of connectors that Microsoft blocked, in any state.
    pub blocked: Vec<String>,
    /// Whether they were read.
    pub blocked_read: bool,
    /// Alerts about connectors, with their records.
    pub alerts: Vec<(Alert, String)>,
}

/// Whether a change was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The signed baseline says so.
    Approved,
    /// Nobody signed it, and it lets nobody in.
    Explained(String),
    /// Nobody signed it.
    Unapproved,
}

/// A difference between what is there and the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftWords {
    /// It, in words.
    pub words: String,
    /// Whether it widens trust.
    pub widens: bool,
}

/// A connector, as states, records and the baseline know it.
pub struct Examined<'a> {
    /// Its id and newest name.
    pub subject: Subject,
    /// Every name it had, in lower case.
    pub names: Vec<String>,
    /// Whether it appeared in the time that is covered.
    pub is_new: bool,
    /// Whether it is still there, by the newest state.
    pub is_there: Option<bool>,
    /// Whether there is anything to hold it against.
    pub comparable: bool,
    /// How it differs from the baseline now, but for what changes already say.
    pub drift: Vec<DriftWords>,
    /// What happened to it.
    pub changes: Vec<&'a Change>,
    /// Whether that was approved, for each.
    pub authority: Vec<Authority>,
    /// The connectors that mail was counted by.
    pub routes: &'a Routes,
}

/// A connector and what was found about it.
#[derive(Debug)]
pub struct Judged {
    /// The connector.
    pub subject: Subject,
    /// Whether it is an on-premises connector, as far as is known.
    pub on_premises: bool,
    /// Whether it is still there; `None` where nothing says.
    pub is_there: Option<bool>,
    /// What it comes to.
    pub verdict: CaseVerdict,
    /// Why.
    pub reasons: Vec<String>,
    /// Every indicator's sign.
    pub signs: Vec<Sign>,
    /// Its differences from what was approved, in words.
    pub drift: Vec<String>,
    /// Its place among the routes.
    pub route: usize,
    /// Those who changed it, by their place in the list of actors.
    pub actors: Vec<usize>,
}

/// Everything that was found out.
pub struct Investigation<'a> {
    /// What it was made from.
    pub question: Question<'a>,
    /// What it comes to: the worst of all connectors.
    pub verdict: CaseVerdict,
    /// The connectors, worst first.
    pub connectors: Vec<Judged>,
    /// Those who changed connectors.
    pub actors: Vec<Triage>,
    /// What is wrong with the evidence itself, and where it disagrees.
    pub findings: Vec<Finding>,
    /// Which time the evidence covers.
    pub coverage: Coverage,
    /// The four steps.
    pub runbook: Runbook,
}

/// Investigates.
pub fn investigate(question: Question<'_>) -> Investigation<'_> {
    let known = known(&question);
    let mut actors = actors(&question);
    let coverage = findings::coverage(&question);
    let findings = findings::findings(&question, &coverage, &known);
    let doubts = reliance::doubts(&question, &findings);
    let mut drift = drift_of(&question);
    let mut connectors = Vec::new();
    for (route, own) in question.routes.routes.iter().enumerate() {
        let drift = drift.remove(&own.connector.key()).unwrap_or_default();
        let examined = subjects::examine(&question, own, &actors, drift);
        let triage: Vec<(usize, &Triage)> = actors
            .iter()
            .enumerate()
            .filter(|(_, triage)| {
                let mut all = examined.changes.iter().flat_map(|change| change.actors());
                all.any(|actor| *actor == triage.actor)
            })
            .collect();
        let involved: Vec<&Triage> = triage.iter().map(|(_, own)| *own).collect();
        let case = Case {
            examined: &examined,
            route,
            changes: &examined.changes,
            triage: &involved,
            thresholds: &question.thresholds,
            evidence: &known,
        };
        let signs: Vec<Sign> = indicator::ALL
            .iter()
            .map(|own| (own.judge)(&case))
            .collect();
        let (mut verdict, mut reasons) = verdict::judge(&signs, own.on_premises);
        if verdict == CaseVerdict::NoSign && !doubts.is_empty() {
            verdict = CaseVerdict::NotEnoughEvidence;
            reasons.clone_from(&doubts);
        }
        connectors.push(Judged {
            subject: examined.subject.clone(),
            on_premises: own.on_premises,
            is_there: examined.is_there,
            verdict,
            reasons,
            drift: examined.drift.iter().map(|own| own.words.clone()).collect(),
            signs,
            route,
            actors: triage.into_iter().map(|(place, _)| place).collect(),
        });
    }
    connectors.sort_unstable_by(|one, other| {
        (other.verdict, &one.subject.name, &one.subject.id).cmp(&(
            one.verdict,
            &other.subject.name,
            &other.subject.id,
        ))
    });
    // Without any connector that could be judged nothing was found out.
    let worst = connectors.iter().map(|own| own.verdict).max();
    let empty = if question.states.is_empty() {
        CaseVerdict::NotEnoughEvidence
    } else {
        CaseVerdict::NoSign
    };
    let mut verdict = worst.unwrap_or(empty);
    if verdict == CaseVerdict::NoSign && !(coverage.is_enough() && doubts.is_empty()) {
        verdict = CaseVerdict::NotEnoughEvidence;
    }
    // What Microsoft blocked or warned of, and no state knows, is somebody's connector all the same.
    let strangers = findings
        .iter()
        .any(|finding| finding.rule == "blocked-connector-unknown");
    if strangers {
        verdict = verdict.max(CaseVerdict::Suspicious);
    }
    // Where nothing is wrong, who worked on other things has nothing to do with it.
    if verdict == CaseVerdict::NoSign {
        actors.retain(|own| own.changed_connectors || own.is_strong());
    }
    let runbook = runbook::runbook(&question, &connectors, &actors, &known);
    Investigation {
        verdict,
        connectors,
        actors,
        findings,
        coverage,
        runbook,
        question,
    }
}

fn known<'a>(question: &Question<'a>) -> Known<'a> {
    let undated = |own: &&Snapshot| own.taken_at.is_none();
    let mut now = question
        .states
        .last()
        .map(|state| state.snapshot)
        .into_iter()
        .chain(question.parts.iter().copied().filter(undated));
    // What was not read at last may be blocked by now.
    let mut blocked: Vec<String> = reliance::lately(question)
        .flat_map(|own| own.blocked_connectors.clone())
        .collect();
    blocked.sort_unstable();
    blocked.dedup();
    let alerts = question.log.iter().flat_map(|log| log.about(Topic::Alert));
    let alerts = alerts.filter_map(|record| {
        let alert = record.alert.as_ref()?;
        let is_about = alert.operation.eq_ignore_ascii_case("ConnectorAbuse")
            || caseless::lower(&alert.name).contains("connector activity");
        is_about.then(|| (alert.clone(), record.id.clone()))
    });
    Known {
        log: question.log,
        traffic: question.traffic,
        blocked_read: now.any(|own| own.has(Part::BlockedConnectors)),
        blocked,
        alerts: alerts.collect(),
    }
}

/// What administrators do that attackers do, beside connectors.
const NOTABLE: [Topic; 8] = [
    Topic::Unblock,
    Topic::TransportRule,
    Topic::InboxRule,
    Topic::Organization,
    Topic::Role,
    Topic::Application,
    Topic::Consent,
    Topic::Credentials,
];

/// So many of those who changed no connector are looked at.
const MOST_OTHERS: usize = 20;

/// Those who changed connectors, in the order in which they did first; then those who changed rules, roles and
/// applications, as where no connector is known to have been changed they are all there is to look at.
fn actors(question: &Question<'_>) -> Vec<Triage> {
    let Some(log) = question.log else {
        return Vec::new();
    };
    let mut found: Vec<(Actor, Vec<Timestamp>)> = Vec::new();
    for change in &question.attribution.changes {
        for record in &change.records {
            match found.iter_mut().find(|(actor, _)| *actor == record.actor) {
                Some((_, times)) => times.push(record.time),
                None => found.push((record.actor.clone(), vec![record.time])),
            }
        }
    }
    found.retain(|(actor, _)| !actor.service);
    let most = found.len() + MOST_OTHERS;
    for record in log
        .records
        .iter()
        .filter(|own| NOTABLE.contains(&own.topic) && !own.is_service())
    {
        let known = found.iter().any(|(actor, _)| actor.is(record));
        if !known && found.len() < most {
            found.push((Actor::of(record), vec![record.time]));
        }
    }
    found
        .iter()
        .map(|(actor, times)| {
            actor::triage(actor, times, (log, &question.thresholds), question.hosting)
        })
        .collect()
}

/// The differences of the newest state from the baseline, by connector; none without a baseline.
fn drift_of(question: &Question<'_>) -> BTreeMap<String, Vec<DriftWords>> {
    let mut all: BTreeMap<String, Vec<DriftWords>> = BTreeMap::new();
    let (Some(baseline), Some(state)) = (question.baseline, question.states.last()) else {
        return all;
    };
    let drift = drift::drift(baseline, state.snapshot, &BTreeMap::new(), question.now);
    for difference in &drift.differences {
        let (subject, words, widens) = match difference {
            drift::Difference::Unknown(record) => (
                record.connector.subject(),
                "is in the tenant and not approved".to_owned(),
                true,
            ),
            drift::Difference::Missing(approved) => (
                approved.subject(),
                "is approved and not there".to_owned(),
                false,
            ),
            drift::Difference::Recreated(_, record) => (
                record.connector.subject(),
                "was deleted and made again".to_owned(),
                true,
            ),
            drift::Difference::Renamed(approved, record) => (
                record.connector.subject(),
                format!("is approved as {:?}", approved.name),
                false,
            ),
            drift::Difference::Setting(_, record, change) => (
                record.connector.subject(),
                format!("{}: {}", change.property.name(), change.words),
                change.direction == Direction::Widens,
            ),
            drift::Difference::AcceptedDomain(_) => continue,
        };
        all.entry(subject.key())
            .or_default()
            .push(DriftWords { words, widens });
    }
    all
}

/// Joins sentences of a report: the first few of many, each whole.
fn sentences(all: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    match all.len().saturating_sub(SHOWN) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}
