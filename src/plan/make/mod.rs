//! Differences → steps, in the order of the reference (section 2.5).

mod answers;
mod missing;
mod names;
mod settings;
mod warnings;

pub(super) use settings::ENABLE;

use super::{Action, Count, Observed, Plan, Purpose, Step, Target};
use crate::baseline::{ApprovedConnector, Baseline};
use crate::connector::property::{ConnectorType, Property};
use crate::connector::{Connector, Guid};
use crate::digest::Digest;
use crate::drift::{Change, Difference, drift, pair};
use crate::finding::{Direction, Finding, Subject, excerpt};
use crate::policy::settings::PlanLimits;
use crate::snapshot::{Record, Snapshot};
use answers::answer;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use warnings::warnings;

/// What a plan is made from.
pub struct Request<'a> {
    /// What it is for: to revert or to contain.
    pub purpose: Purpose,
    /// The tenant's local name.
    pub tenant: &'a str,
    /// What was approved.
    pub baseline: &'a Baseline,
    /// What is there.
    pub snapshot: &'a Snapshot,
    /// What an assessment of the two found, which says why each step is needed.
    pub findings: &'a [Finding],
    /// What their fingerprints are bound to.
    pub key: &'a str,
    /// Settings whose absence from a record the policy tolerates.
    pub may_be_absent: &'a BTreeMap<Property, String>,
    /// Digest of the root.
    pub root: Digest,
    /// How much it may change, and how long it is good.
    pub limits: PlanLimits,
    /// What a reader must know beside the steps.
    pub warnings: Vec<String>,
    /// The time of the run.
    pub now: Timestamp,
}

/// When in a plan a step comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Switch off what nobody approved.
    Stop,
    /// Set back what widened.
    SetBack,
    /// Restore what partners are held to.
    Partners,
    /// Restore what the organisation's own servers may do, and names.
    OnPremises,
    /// Create what is missing.
    Create,
    /// What only a person can do, now that everything else is as it was.
    ByHand,
    /// Switch on what lets somebody send as the organisation: by itself, so that it can be left out.
    SwitchOn,
    /// Take away what was switched off.
    Remove,
}

/// Makes a plan. The snapshot must be complete and the comparison whole: the caller has seen to both.
///
/// # Errors
///
/// A connector without any id cannot be addressed without a doubt, and gets no plan.
pub fn make(request: &Request<'_>) -> Result<Plan, String> {
    if let Some(record) = request
        .snapshot
        .records
        .iter()
        .find(|record| record.connector.id().is_none())
    {
        return Err(format!(
            "{:?} has neither ExchangeObjectId nor Guid, and a plan names connectors by their ids",
            excerpt(&record.connector.name)
        ));
    }
    let mut maker = Maker::new(request);
    maker.differences();
    maker.steps.sort_by_key(|(phase, _)| *phase);
    let steps: Vec<Step> = maker.steps.into_iter().map(|(_, step)| step).collect();
    let mut plan = Plan {
        purpose: request.purpose,
        tenant: request.tenant.to_owned(),
        organization: request.baseline.approved.organization.clone(),
        snapshot: request.snapshot.digest(),
        taken_at: request.snapshot.taken_at,
        baseline: Target {
            version: request.baseline.approved.header.version,
            digest: request.baseline.digest,
            signers: signers(request.baseline),
        },
        root: request.root,
        made_at: seconds(request.now),
        expires: seconds(request.now + request.limits.valid_for)
            .min(request.baseline.approved.header.expires),
        inverse_of: None,
        ids: ids(request.snapshot),
        observed: observed(request.snapshot, &steps),
        connectors: Count {
            all: request.snapshot.records.len(),
            on_premises: request
                .snapshot
                .connectors()
                .filter(|own| own.connector_type() != Some(ConnectorType::Partner))
                .count(),
        },
        steps,
        warnings: Vec::new(),
    };
    plan.warnings = warnings(request, &plan);
    Ok(plan)
}

fn ids(snapshot: &Snapshot) -> Vec<Guid> {
    let mut ids: Vec<Guid> = snapshot
        .connectors()
        .filter_map(|own| own.id().cloned())
        .collect();
    ids.sort_unstable();
    ids
}

/// The connectors that steps are about, as they are.
fn observed(snapshot: &Snapshot, steps: &[Step]) -> Vec<Observed> {
    let is_touched = |connector: &&Connector| {
        let subject = connector.subject();
        steps
            .iter()
            .any(|step| step.connector.as_ref() == Some(&subject))
    };
    snapshot
        .connectors()
        .filter(is_touched)
        .map(|connector| Observed {
            connector: connector.subject(),
            settings: connector.settings.clone(),
        })
        .collect()
}

/// Whole seconds: what is finer tells nobody anything.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn signers(baseline: &Baseline) -> Vec<String> {
    let all = baseline.signers().iter();
    all.map(|signer| signer.principal.clone()).collect()
}

/// The approved connectors that are there, are on, and let somebody send as the organisation.
pub fn on_premises(snapshot: &Snapshot, baseline: &Baseline) -> BTreeSet<Subject> {
    let pairs = pair(&baseline.approved.connectors, &snapshot.records);
    snapshot
        .connectors()
        .zip(&pairs.of_records)
        .filter(|(_, pairing)| pairing.as_ref().is_some_and(|pairing| !pairing.recreated))
        .map(|(connector, _)| connector)
        .filter(|connector| connector.connector_type() != Some(ConnectorType::Partner))
        .filter(|connector| connector.boolean(Property::Enabled) != Some(false))
        .map(Connector::subject)
        .collect()
}

struct Maker<'a> {
    request: &'a Request<'a>,
    steps: Vec<(Phase, Step)>,
    /// What each connector is called once the steps so far are done, by position in the snapshot.
    names: Vec<String>,
}

impl<'a> Maker<'a> {
    fn new(request: &'a Request<'a>) -> Self {
        Self {
            request,
            steps: Vec::new(),
            names: request
                .snapshot
                .connectors()
                .map(|connector| connector.name.clone())
                .collect(),
        }
    }

    fn differences(&mut self) {
        let request = self.request;
        let drift = drift(
            request.baseline,
            request.snapshot,
            request.may_be_absent,
            request.now,
        );
        let recreated: BTreeSet<String> = drift
            .differences
            .iter()
            .filter_map(|difference| match difference {
                Difference::Recreated(_, record) => Some(record.connector.subject().key()),
                _ => None,
            })
            .collect();
        let mut settings: BTreeMap<String, (&ApprovedConnector, &Record, Vec<&Change>)> =
            BTreeMap::new();
        for difference in &drift.differences {
            match difference {
                Difference::Unknown(record) => self.unapproved(record, "nobody approved it"),
                Difference::Recreated(approved, record) => {
                    self.unapproved(
                        record,
                        "it was made under the name of an approved connector",
                    );
                    self.missing(approved);
                }
                Difference::Missing(approved) => self.missing(approved),
                Difference::Renamed(approved, record) => self.rename(approved, record),
                Difference::AcceptedDomain(domain) => self.accepted_domain(domain.as_str()),
                Difference::Setting(approved, record, change) => {
                    let key = record.connector.subject().key();
                    // Of another object under the old name nothing is mended: it goes.
                    if !recreated.contains(&key) {
                        settings
                            .entry(key)
                            .or_insert_with(|| (approved, record, Vec::new()))
                            .2
                            .push(change);
                    }
                }
            }
        }
        for (approved, record, changes) in settings.into_values() {
            self.settings(approved, record, &changes);
        }
    }

    const fn contains_only(&self) -> bool {
        matches!(self.request.purpose, Purpose::Contain)
    }

    fn accepted_domain(&mut self, domain: &str) {
        if self.contains_only() {
            return;
        }
        let is_it = |finding: &&Finding| {
            finding.rule == "drift-accepted-domain"
                && finding.added.iter().any(|added| added == domain)
        };
        let answers = self
            .request
            .findings
            .iter()
            .filter(is_it)
            .map(|finding| answer(finding, self.request.key))
            .collect();
        let step = Step {
            action: Action::Manual,
            connector: None,
            settings: Vec::new(),
            words: format!(
                "Find out who added the domain {domain:?}, and remove it from the tenant (Microsoft 365 admin center, Settings, Domains); or approve it in the next version of the baseline."
            ),
            answers,
            direction: Direction::Narrows,
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::ByHand, step));
    }
}
