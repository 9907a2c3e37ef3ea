//! Which findings a step answers: why it is done.

use super::Maker;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::finding::{Finding, Status, Subject};
use crate::plan::Answer;
use std::collections::BTreeSet;

impl Maker<'_> {
    /// The findings that say that a connector must not be there; the rules that it breaks stand with the step that stops it.
    pub(super) fn answers_as_drift(&self, connector: &Connector) -> Vec<Answer> {
        let mut answers = self.answers(connector, None);
        answers.retain(|answer| answer.rule.starts_with("drift-"));
        answers
    }

    /// The findings that a step answers: about these settings, or about the connector as a whole.
    pub(super) fn answers(
        &self,
        connector: &Connector,
        settings: Option<&BTreeSet<Property>>,
    ) -> Vec<Answer> {
        self.answers_of(&connector.subject(), settings)
    }

    pub(super) fn answers_of(
        &self,
        subject: &Subject,
        settings: Option<&BTreeSet<Property>>,
    ) -> Vec<Answer> {
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

pub(super) fn answer(finding: &Finding, key: &str) -> Answer {
    Answer {
        rule: finding.rule.clone(),
        severity: finding.severity,
        fingerprint: finding.fingerprint(key).hex(),
        message: finding.message.clone(),
    }
}
