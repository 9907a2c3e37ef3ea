//! Approved connectors that are not there: made anew, switched off.

use super::settings::{ENABLE, off};
use super::{Maker, Phase};
use crate::baseline::ApprovedConnector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::{Value, Word};
use crate::finding::{Direction, Subject};
use crate::plan::{Action, Assignment, Step};

impl Maker<'_> {
    /// An approved connector that is not there: made disabled, switched on when that was seen to be right.
    pub(super) fn missing(&mut self, approved: &ApprovedConnector) {
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
                let sendable = property != Property::ConnectorSource || value.is_settable_source();
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
            let phase = if is_partner {
                Phase::Create
            } else {
                Phase::SwitchOn
            };
            (Action::Set, phase, words)
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
    pub(super) fn unsendable_source(&mut self, approved: &ApprovedConnector, subject: &Subject) {
        let source = approved.setting(Property::ConnectorSource);
        let Some(source) = source.filter(|source| !source.is_settable_source()) else {
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
}
