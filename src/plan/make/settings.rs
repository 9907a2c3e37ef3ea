//! Connectors that are there: what is switched off, set back, or left to a person.

use super::{Maker, Phase};
use crate::baseline::ApprovedConnector;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property, SetBy};
use crate::connector::value::Value;
use crate::drift::Change;
use crate::finding::Direction;
use crate::plan::{Action, Assignment, Step, direction, partners};
use crate::snapshot::{Part, Record};
use std::collections::BTreeSet;

impl Maker<'_> {
    /// A connector that must not be there: off at once, away at the end.
    pub(super) fn unapproved(&mut self, record: &Record, why: &str) {
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

    pub(super) fn disable(&mut self, connector: &Connector, words: String) {
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
            // What a partner's connector demands was never approved either way.
            direction: match connector.connector_type() {
                Some(ConnectorType::Partner) => Direction::Neutral,
                _ => Direction::Narrows,
            },
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::Stop, step));
    }

    /// An approved connector that differs: what can be set in one step, what a person must do in others.
    pub(super) fn settings(
        &mut self,
        approved: &ApprovedConnector,
        record: &Record,
        changes: &[&Change],
    ) {
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
        // A relay that is off opens again: seen by itself, and after everything else is right.
        let opens = |change: &&Change| {
            change.property == Property::Enabled
                && change.expected == Value::Boolean(true)
                && kind != Some(ConnectorType::Partner)
        };
        let (on, set): (Vec<&Change>, Vec<&Change>) = set.into_iter().partition(opens);
        self.set(connector, &on, Phase::SwitchOn);
        let phase = match kind {
            _ if widened => Phase::SetBack,
            Some(ConnectorType::Partner) => Phase::Partners,
            _ => Phase::OnPremises,
        };
        let (back, open) = apart(set);
        self.set(connector, &back, phase);
        self.set(connector, &open, Phase::SwitchOn);
    }

    /// One step that sets what differs, and what the service checks together with it.
    pub(super) fn set(&mut self, connector: &Connector, set: &[&Change], phase: Phase) {
        if set.is_empty() {
            return;
        }
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
        settings.sort_unstable_by_key(|assignment| (assignment.partner, assignment.property));
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
    pub(super) fn by_hand(&self, change: &Change, kind: Option<ConnectorType>) -> Option<String> {
        let property = change.property;
        if property.row().set_by != SetBy::NewAndSet {
            return Some(format!(
                "{} can be set when a connector is made and never after. Making the connector anew loses its ids, and the service may refuse it: ask Microsoft what put the value there before anything else.",
                property.name()
            ));
        }
        if property == Property::ConnectorSource && !change.expected.is_settable_source() {
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
    pub(super) fn nothing_blocked(&self) -> bool {
        let snapshot = self.request.snapshot;
        snapshot.has(Part::BlockedConnectors) && snapshot.blocked_connectors.is_empty()
    }

    pub(super) fn manual(&mut self, connector: &Connector, change: &Change, words: String) {
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
}

/// Why an on-premises connector is switched on by a person.
pub(in crate::plan) const ENABLE: &str = "Switch it on by hand, once you know who switched it off: Microsoft disables connectors that send spam, and whether it did was not read. Look at Get-BlockedConnector first; unblocking or enabling before the cause is gone opens the relay again.";

pub(super) fn assignment(change: &Change) -> Assignment {
    Assignment {
        property: change.property,
        before: Some(change.observed.clone()),
        after: change.expected.clone(),
        partner: false,
    }
}

/// The value that a switched-off connector has.
pub(super) fn off(property: Property, value: Value) -> Value {
    if property == Property::Enabled {
        Value::Boolean(false)
    } else {
        value
    }
}

/// What to set back apart from what lets mail in again by being set back, so that the first need not wait for
/// anybody to agree to the second. What the service checks together stays together.
fn apart(changes: Vec<&Change>) -> (Vec<&Change>, Vec<&Change>) {
    let properties = |changes: &[&Change]| -> BTreeSet<Property> {
        changes.iter().map(|change| change.property).collect()
    };
    let opens = |change: &&Change| direction::opposite(change.direction) == Direction::Widens;
    let (open, back): (Vec<&Change>, Vec<&Change>) = changes.iter().copied().partition(opens);
    let (of_open, of_back) = (properties(&open), properties(&back));
    let together = !partners::of(&of_open).is_disjoint(&of_back)
        || !partners::of(&of_back).is_disjoint(&of_open);
    let closes = back
        .iter()
        .any(|change| direction::opposite(change.direction) == Direction::Narrows);
    if together || !closes {
        (changes, Vec::new())
    } else {
        (back, open)
    }
}
