//! Differences → steps, in the order of the reference (section 2.5).

use super::{
    Action, Answer, Assignment, Count, Plan, Purpose, Step, Target, direction, effect, partners,
};
use crate::baseline::{ApprovedConnector, Baseline};
use crate::connector::Connector;
use crate::connector::lint;
use crate::connector::property::{ConnectorType, Property, SetBy};
use crate::connector::value::{Value, Word};
use crate::digest::Digest;
use crate::drift::{Change, Difference, drift};
use crate::finding::{Direction, Finding, Severity, Status, Subject, excerpt};
use crate::policy::settings::PlanLimits;
use crate::snapshot::{Part, Record, Snapshot};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

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

/// The values of `ConnectorSource` that a cmdlet takes; the service returns more.
const SOURCES: [&str; 3] = ["Default", "HybridWizard", "Migrated"];

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
        connectors: Count {
            all: request.snapshot.records.len(),
            on_premises: on_premises(request.snapshot).len(),
        },
        steps,
        warnings: Vec::new(),
    };
    plan.warnings = warnings(request, &plan);
    Ok(plan)
}

/// Whole seconds: what is finer tells nobody anything.
fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn signers(baseline: &Baseline) -> Vec<String> {
    let all = baseline.signers().iter();
    all.map(|signer| signer.principal.clone()).collect()
}

/// The connectors that let somebody send as the organisation, as far as their type is known.
pub fn on_premises(snapshot: &Snapshot) -> BTreeSet<Subject> {
    snapshot
        .connectors()
        .filter(|connector| connector.connector_type() != Some(ConnectorType::Partner))
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

    /// A connector that must not be there: off at once, away at the end.
    fn unapproved(&mut self, record: &Record, why: &str) {
        let connector = &record.connector;
        if connector.boolean(Property::Enabled) != Some(false) {
            self.disable(connector, format!("Switch it off: {why}."));
        }
        if self.contains_only() {
            return;
        }
        let before = Property::settings()
            .filter_map(|property| {
                let value = connector.settings.get(&property)?;
                let (before, after) = (Some(value.clone()), value.clone());
                Some(Assignment {
                    property,
                    before: before.map(|value| off(property, value)),
                    after: off(property, after),
                    partner: true,
                })
            })
            .collect();
        let step = Step {
            action: Action::Remove,
            connector: Some(connector.subject()),
            settings: before,
            words: format!(
                "Remove it: {why}. Only once it is known who made it, and what it was used for."
            ),
            answers: self.answers_as_drift(connector),
            direction: Direction::Neutral,
            reversible: false,
            lost: Some("its ids, its time of creation and its block status: message traces and audit records then lead nowhere. A connector made anew is another object, and the service may refuse it".to_owned()),
        };
        self.steps.push((Phase::Remove, step));
    }

    fn disable(&mut self, connector: &Connector, words: String) {
        let step = Step {
            action: Action::Disable,
            connector: Some(connector.subject()),
            settings: vec![Assignment {
                property: Property::Enabled,
                before: connector
                    .setting(Property::Enabled)
                    .map(|value| value.into_owned()),
                after: Value::Boolean(false),
                partner: false,
            }],
            words,
            answers: self.answers(connector, None),
            direction: Direction::Narrows,
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::Stop, step));
    }

    /// An approved connector that differs: what can be set in one step, what a person must do in others.
    fn settings(&mut self, approved: &ApprovedConnector, record: &Record, changes: &[&Change]) {
        let connector = &record.connector;
        let kind = approved.connector_type();
        let retyped = changes
            .iter()
            .any(|change| change.property == Property::ConnectorType);
        if retyped && self.contains_only() {
            // What widens on one type narrows on the other: it is stopped first and set back as a whole later.
            if connector.boolean(Property::Enabled) != Some(false) {
                let words = "Switch it off: it is of another type than was approved.";
                self.disable(connector, words.to_owned());
            }
            return;
        }
        let widened = changes
            .iter()
            .any(|change| change.direction == Direction::Widens);
        let wanted: Vec<&Change> = changes
            .iter()
            .copied()
            .filter(|change| !self.contains_only() || change.direction == Direction::Widens)
            .collect();
        let mut set: Vec<&Change> = Vec::new();
        for change in wanted {
            match self.by_hand(change, kind) {
                None => set.push(change),
                Some(_) if self.contains_only() => {
                    let words = format!(
                        "Switch it off: {} widened and cannot be set back on a connector that exists.",
                        change.property.name()
                    );
                    self.disable(connector, words);
                    return;
                }
                Some(words) => self.manual(connector, change, words),
            }
        }
        if set.is_empty() {
            return;
        }
        let phase = match kind {
            _ if widened => Phase::SetBack,
            Some(ConnectorType::Partner) => Phase::Partners,
            _ => Phase::OnPremises,
        };
        let sent: BTreeSet<Property> = set.iter().map(|change| change.property).collect();
        let mut settings: Vec<Assignment> = set.iter().map(|change| assignment(change)).collect();
        settings.extend(partners::of(&sent).into_iter().filter_map(|property| {
            // What is there, not what is approved: a planned change may have come already.
            let value = connector.settings.get(&property)?.clone();
            // What is empty or off satisfies every check by itself.
            let idle = value.is_empty() || value == Value::Boolean(false);
            (!idle).then_some(())?;
            Some(Assignment {
                property,
                before: Some(value.clone()),
                after: value,
                partner: true,
            })
        }));
        settings.sort_by_key(|assignment| (assignment.partner, assignment.property));
        let names: Vec<&str> = sent.iter().map(|property| property.name()).collect();
        let step = Step {
            action: Action::Set,
            connector: Some(connector.subject()),
            words: format!("Set {} to what was approved.", names.join(", ")),
            answers: self.answers(connector, Some(&sent)),
            direction: direction::of(set.iter().copied()),
            settings,
            reversible: true,
            lost: None,
        };
        self.steps.push((phase, step));
    }

    /// Why a person has to make a change; `None` where a cmdlet can.
    fn by_hand(&self, change: &Change, kind: Option<ConnectorType>) -> Option<String> {
        let property = change.property;
        if property.row().set_by != SetBy::NewAndSet {
            return Some(format!(
                "{} can be set when a connector is made and never after. Making the connector anew loses its ids, and the service may refuse it: ask Microsoft what put the value there before anything else.",
                property.name()
            ));
        }
        if property == Property::ConnectorSource && !is_source(&change.expected) {
            return Some(
                "ConnectorSource says who made the connector, and no cmdlet takes the approved word. It decides nothing: approve what is there in the next version of the baseline."
                    .to_owned(),
            );
        }
        let switches_on = property == Property::Enabled && change.expected == Value::Boolean(true);
        if switches_on && kind != Some(ConnectorType::Partner) && !self.nothing_blocked() {
            return Some(ENABLE.to_owned());
        }
        None
    }

    /// Whether the evidence says that Microsoft holds nothing back.
    fn nothing_blocked(&self) -> bool {
        let snapshot = self.request.snapshot;
        snapshot.has(Part::BlockedConnectors) && snapshot.blocked_connectors.is_empty()
    }

    fn manual(&mut self, connector: &Connector, change: &Change, words: String) {
        let step = Step {
            action: Action::Manual,
            connector: Some(connector.subject()),
            words,
            answers: self.answers(connector, Some(&BTreeSet::from([change.property]))),
            direction: direction::of([change]),
            settings: vec![assignment(change)],
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::ByHand, step));
    }

    fn rename(&mut self, approved: &ApprovedConnector, record: &Record) {
        if self.contains_only() {
            return;
        }
        let own = self.position(record);
        self.make_room(&approved.name, own);
        self.rename_to(own, &approved.name, "Give it its approved name back.");
    }

    fn position(&self, record: &Record) -> usize {
        let records = self.request.snapshot.records.iter();
        records
            .zip(0..)
            .find(|(other, _)| std::ptr::eq(*other, record))
            .map_or(usize::MAX, |(_, index)| index)
    }

    /// Sets the connector aside that holds a name which another one is to have.
    fn make_room(&mut self, name: &str, own: usize) {
        let wanted = name.to_lowercase();
        let holder = self
            .names
            .iter()
            .zip(0..)
            .find(|(held, index)| *index != own && held.to_lowercase() == wanted)
            .map(|(_, index)| index);
        let Some(holder) = holder else {
            return;
        };
        let id = self
            .request
            .snapshot
            .records
            .get(holder)
            .and_then(|record| record.connector.id().cloned())
            .unwrap_or_default();
        let aside = format!("Set aside {id}");
        self.rename_to(
            holder,
            &aside,
            "It holds the name of an approved connector, and two cannot have one.",
        );
    }

    fn rename_to(&mut self, index: usize, name: &str, words: &str) {
        let (Some(record), Some(held)) = (
            self.request.snapshot.records.get(index),
            self.names.get_mut(index),
        ) else {
            return;
        };
        let before = std::mem::replace(held, name.to_owned());
        let connector = &record.connector;
        let step = Step {
            action: Action::Rename,
            connector: Some(connector.subject()),
            settings: vec![Assignment {
                property: Property::Name,
                before: Some(Value::Text(before)),
                after: Value::Text(name.to_owned()),
                partner: false,
            }],
            words: words.to_owned(),
            answers: self.answers(connector, Some(&BTreeSet::from([Property::Name]))),
            direction: Direction::Neutral,
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::OnPremises, step));
    }

    /// An approved connector that is not there: made disabled, switched on when that was seen to be right.
    fn missing(&mut self, approved: &ApprovedConnector) {
        if self.contains_only() {
            return;
        }
        self.make_room(&approved.name, usize::MAX);
        let subject = Subject {
            id: None,
            name: approved.name.clone(),
        };
        let answers = self.answers_of(&approved.subject(), None);
        let settings: Vec<Assignment> = Property::settings()
            .filter_map(|property| {
                let value = approved.setting(property)?.into_owned();
                // What no cmdlet takes cannot be sent; what is empty is so without being sent.
                let sendable = property != Property::ConnectorSource || is_source(&value);
                let needed = property.kind().must_be_present() || !value.is_empty();
                (sendable && needed).then(|| Assignment {
                    property,
                    before: None,
                    after: off(property, value),
                    partner: false,
                })
            })
            .collect();
        let step = Step {
            action: Action::Create,
            connector: Some(subject.clone()),
            settings,
            words: "Make it anew, switched off, with every approved setting.".to_owned(),
            answers: answers.clone(),
            direction: Direction::Neutral,
            reversible: true,
            lost: Some("what the connector was: it gets new ids, so its past in traces and audit records stays with the old ones, and the baseline needs a new version that names the new id".to_owned()),
        };
        self.steps.push((Phase::Create, step));
        self.unsendable_source(approved, &subject);
        let kind = approved.connector_type();
        if approved.setting(Property::Enabled).as_deref() != Some(&Value::Boolean(true)) {
            return;
        }
        let is_partner = kind == Some(ConnectorType::Partner);
        let (action, phase, words) = if is_partner || self.nothing_blocked() {
            let words = "Switch it on, once its settings were read back and are right.";
            (Action::Set, Phase::Create, words)
        } else {
            (Action::Manual, Phase::ByHand, ENABLE)
        };
        let step = Step {
            action,
            connector: Some(subject),
            settings: vec![Assignment {
                property: Property::Enabled,
                before: Some(Value::Boolean(false)),
                after: Value::Boolean(true),
                partner: false,
            }],
            words: words.to_owned(),
            answers,
            direction: if is_partner {
                Direction::Narrows
            } else {
                Direction::Widens
            },
            reversible: true,
            lost: None,
        };
        self.steps.push((phase, step));
    }

    /// A connector made anew gets the source that the service gives it.
    fn unsendable_source(&mut self, approved: &ApprovedConnector, subject: &Subject) {
        let source = approved.setting(Property::ConnectorSource);
        let Some(source) = source.filter(|source| !is_source(source)) else {
            return;
        };
        let step = Step {
            action: Action::Manual,
            connector: Some(subject.clone()),
            settings: vec![Assignment {
                property: Property::ConnectorSource,
                before: Some(Value::Enumeration(Word("Default".to_owned()))),
                after: source.into_owned(),
                partner: false,
            }],
            words: "No cmdlet takes the approved word for who made the connector. It decides nothing: approve the new one together with the new id.".to_owned(),
            answers: Vec::new(),
            direction: Direction::Neutral,
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::ByHand, step));
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

    /// The findings that say that a connector must not be there; the rules that it breaks stand with the step that stops it.
    fn answers_as_drift(&self, connector: &Connector) -> Vec<Answer> {
        let mut answers = self.answers(connector, None);
        answers.retain(|answer| answer.rule.starts_with("drift-"));
        answers
    }

    /// The findings that a step answers: about these settings, or about the connector as a whole.
    fn answers(&self, connector: &Connector, settings: Option<&BTreeSet<Property>>) -> Vec<Answer> {
        self.answers_of(&connector.subject(), settings)
    }

    fn answers_of(&self, subject: &Subject, settings: Option<&BTreeSet<Property>>) -> Vec<Answer> {
        let about = |finding: &&Finding| {
            let same = finding
                .connector
                .as_ref()
                .is_some_and(|connector| connector.key() == subject.key());
            let named = finding.property.as_deref().and_then(Property::named);
            let fits = match (settings, named) {
                (None, _) => true,
                (Some(settings), Some(property)) => settings.contains(&property),
                (Some(_), None) => false,
            };
            finding.status == Status::Open && same && fits && finding.rule != "connector-blocked"
        };
        let mut answers: Vec<Answer> = self
            .request
            .findings
            .iter()
            .filter(about)
            .map(|finding| answer(finding, self.request.key))
            .collect();
        answers.sort_by_key(|answer| (std::cmp::Reverse(answer.severity), answer.rule.clone()));
        answers
    }
}

/// Why an on-premises connector is switched on by a person.
const ENABLE: &str = "Switch it on by hand, once you know who switched it off: Microsoft disables connectors that send spam, and whether it did was not read. Look at Get-BlockedConnector first; unblocking or enabling before the cause is gone opens the relay again.";

fn answer(finding: &Finding, key: &str) -> Answer {
    Answer {
        rule: finding.rule.clone(),
        severity: finding.severity,
        fingerprint: finding.fingerprint(key).hex(),
        message: finding.message.clone(),
    }
}

fn assignment(change: &Change) -> Assignment {
    Assignment {
        property: change.property,
        before: Some(change.observed.clone()),
        after: change.expected.clone(),
        partner: false,
    }
}

/// The value that a switched-off connector has.
fn off(property: Property, value: Value) -> Value {
    if property == Property::Enabled {
        Value::Boolean(false)
    } else {
        value
    }
}

fn is_source(value: &Value) -> bool {
    matches!(value, Value::Enumeration(Word(word)) if SOURCES.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// What a reader must know beside the steps.
fn warnings(request: &Request<'_>, plan: &Plan) -> Vec<String> {
    let mut warnings = request.warnings.clone();
    let widened = request.findings.iter().any(|finding| {
        finding.direction == Some(Direction::Widens) && finding.status == Status::Open
    });
    if widened {
        warnings.push("Whoever made these changes may make them again within minutes: secure the account or application that made them at the same time.".to_owned());
    }
    for id in &request.snapshot.blocked_connectors {
        warnings.push(format!("Microsoft has blocked the connector {id} from sending. Unblock it last, when everything else is done: unblocking first opens the relay again."));
    }
    let mut after: Vec<Connector> = request.snapshot.connectors().cloned().collect();
    effect::apply(plan, &mut after);
    for connector in &after {
        let touched = plan.steps.iter().any(|step| {
            matches!(step.action, Action::Set | Action::Create)
                && step.connector.as_ref().is_some_and(|subject| {
                    subject.id.as_ref() == connector.id()
                        && (subject.id.is_some() || subject.name == connector.name)
                })
        });
        if touched {
            warnings.extend(lint::refusals(connector).into_iter().map(|reason| {
                format!(
                    "The service may refuse what was approved for {:?}: {reason}.",
                    excerpt(&connector.name)
                )
            }));
        }
    }
    warnings.extend(unanswered(request, plan));
    warnings
}

/// Findings that the plan does nothing about: what was approved breaks a rule, or only a person can answer.
fn unanswered(request: &Request<'_>, plan: &Plan) -> Option<String> {
    let answered: BTreeSet<&String> = plan
        .steps
        .iter()
        .flat_map(|step| &step.answers)
        .map(|answer| &answer.fingerprint)
        .collect();
    let left: BTreeSet<String> = request
        .findings
        .iter()
        .filter(|finding| finding.status == Status::Open && finding.severity > Severity::Info)
        .filter(|finding| !answered.contains(&finding.fingerprint(request.key).hex()))
        .map(|finding| {
            let connector = finding.connector.as_ref();
            let of = connector.map(|own| format!(" on {:?}", excerpt(&own.name)));
            format!("{}{}", finding.rule, of.unwrap_or_default())
        })
        .collect();
    let what = if matches!(request.purpose, Purpose::Contain) {
        "This plan only stops what widened; it leaves open"
    } else {
        "This plan does not answer"
    };
    (!left.is_empty()).then(|| {
        format!(
            "{what}: {}.",
            left.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}
