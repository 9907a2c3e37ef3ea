//! Rules × connectors → outcomes. Pure: nothing is read here.

use super::predicate::{Check, Offence, Subject};
use super::rule::Rule;

/// What a rule comes to on one connector.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed(Vec<Offence>),
    /// It is about other connectors, or about a list that nobody defined.
    NotApplicable,
    /// Something it needs was not read. Never a pass.
    NotEvaluated(String),
    /// An own rule names a list that nobody defined: the rule is wrong, not the connector.
    UndefinedList(String),
}

/// Judges one connector by one rule, approval and acceptance left aside.
pub fn evaluate(rule: &Rule, tenant: &str, subject: &Subject<'_>) -> Outcome {
    if !rule.applies_to.covers_tenant(tenant) {
        return Outcome::NotApplicable;
    }
    let applies = rule.applies_to.covers(subject.connector);
    if applies == Some(false) {
        return Outcome::NotApplicable;
    }
    // Whatever the other parts of the check say: a list that nobody defined is a mistake.
    if let Some(name) = rule
        .lists
        .iter()
        .find(|name| subject.lists.get(name).is_none())
    {
        return if rule.from_catalogue {
            Outcome::NotApplicable
        } else {
            Outcome::UndefinedList(name.clone())
        };
    }
    match rule.check.check(subject) {
        Check::Holds => Outcome::Passed,
        Check::UndefinedList(_) if rule.from_catalogue => Outcome::NotApplicable,
        Check::UndefinedList(name) => Outcome::UndefinedList(name),
        Check::Unknown(reason) => Outcome::NotEvaluated(reason),
        Check::Fails(offences) if applies.is_some() => Outcome::Failed(offences),
        Check::Fails(_) => Outcome::NotEvaluated(
            "whether the rule applies depends on a setting that was not in the record".to_owned(),
        ),
    }
}
