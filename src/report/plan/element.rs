//! What an assignment changes, element by element.

use crate::connector::property::Kind;
use crate::connector::value::Value;
use crate::finding::excerpt;
use crate::plan::Assignment;
use std::collections::BTreeSet;

/// What becomes of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It stays.
    Kept,
    /// It goes.
    Gone,
    /// It comes.
    Added,
}

/// What is shown of an assignment.
pub enum Shown {
    /// One value in the place of another.
    Value {
        /// What is there; `None` where there is nothing, or nobody knows.
        before: Option<String>,
        /// What is to be there.
        after: String,
    },
    /// A list, its elements one by one.
    Elements(Vec<(Mark, String)>),
}

/// Takes an assignment apart.
pub fn shown(assignment: &Assignment) -> Shown {
    if !assignment.property.kind().is_list() {
        return Shown::Value {
            before: assignment
                .before
                .as_ref()
                .map(|value| words(value, assignment.property.kind())),
            after: words(&assignment.after, assignment.property.kind()),
        };
    }
    let elements = |value: &Value| value.elements().into_iter().collect::<BTreeSet<String>>();
    let before = assignment.before.as_ref().map(elements).unwrap_or_default();
    let after = elements(&assignment.after);
    let mark = |element: &String| match (before.contains(element), after.contains(element)) {
        (true, true) => Mark::Kept,
        (true, false) => Mark::Gone,
        _ => Mark::Added,
    };
    let list = before
        .union(&after)
        .map(|element| (mark(element), excerpt(element)))
        .collect();
    Shown::Elements(list)
}

fn words(value: &Value, kind: Kind) -> String {
    if value.is_empty() {
        return "(empty)".to_owned();
    }
    let text = excerpt(&value.elements().join(", "));
    match kind {
        Kind::Text => format!("{text:?}"),
        _ => text,
    }
}
