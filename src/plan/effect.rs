//! What a step does to connectors, as values: the model that plans are tested by and that progress is measured by.

use super::{Action, Plan, Step};
use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::finding::Subject;
use std::collections::BTreeSet;

/// Carries a plan out on connectors, its manual steps included.
pub fn apply(plan: &Plan, connectors: &mut Vec<Connector>) {
    for step in &plan.steps {
        carry_out(step, connectors);
    }
}

pub(super) fn carry_out(step: &Step, connectors: &mut Vec<Connector>) {
    let Some(subject) = &step.connector else {
        return;
    };
    match step.action {
        Action::Create => {
            let mut made = Connector::default();
            subject.name.clone_into(&mut made.name);
            assign(step, &mut made);
            connectors.push(made);
        }
        Action::Remove => connectors.retain(|connector| !is(connector, subject)),
        Action::Disable | Action::Set | Action::Rename | Action::Manual => {
            if let Some(connector) = connectors
                .iter_mut()
                .find(|connector| is(connector, subject))
            {
                assign(step, connector);
            }
        }
    }
}

/// Whether a connector is the one that a step names: by id, and by name where there is none.
fn is(connector: &Connector, subject: &Subject) -> bool {
    match &subject.id {
        Some(id) => connector.has_id(id),
        None => connector.id().is_none() && caseless::same(&connector.name, &subject.name),
    }
}

fn assign(step: &Step, connector: &mut Connector) {
    for assignment in &step.settings {
        match (&assignment.property, &assignment.after) {
            (Property::Name, Value::Text(name)) => name.clone_into(&mut connector.name),
            (property, value) => {
                connector.settings.insert(*property, value.clone());
            }
        }
    }
}

/// The settings in which two connectors differ, the name among them.
pub fn differs(one: &Connector, other: &Connector) -> BTreeSet<Property> {
    let named = (one.name != other.name).then_some(Property::Name);
    Property::settings()
        .filter(|property| one.setting(*property) != other.setting(*property))
        .chain(named)
        .collect()
}
