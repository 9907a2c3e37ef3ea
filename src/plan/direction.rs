//! What a change of one value by another does to trust.

use super::Assignment;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::drift::Change;
use crate::finding::Direction;

/// The direction of all assignments of a step together: one that widens decides.
pub(super) fn of(assignments: &[Assignment], kind: Option<ConnectorType>) -> Direction {
    assignments
        .iter()
        .filter(|assignment| !assignment.partner)
        .filter_map(|assignment| {
            let before = assignment.before.clone()?;
            Some(of_value(
                assignment.property,
                before,
                assignment.after.clone(),
                kind,
            ))
        })
        .max()
        .unwrap_or(Direction::Neutral)
}

fn of_value(
    property: Property,
    before: Value,
    after: Value,
    kind: Option<ConnectorType>,
) -> Direction {
    Change::new(property, before, after, (kind, kind)).direction
}
